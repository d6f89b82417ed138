"""Airflow's exceptions, as far as DAG files raise or catch them."""


class AirflowException(Exception):
    """Base of all errors of this package."""

    line: int | None = None
    """The line of the DAG file at fault, where the traceback does not tell it."""


class AirflowSkipException(AirflowException):
    """Raised by a task that wants to end as skipped."""


class AirflowFailException(AirflowException):
    """Raised by a task that wants to fail without another attempt."""


class AirflowTaskTimeout(AirflowException):
    """A step of the task took too long."""


class AirflowNotFoundException(AirflowException):
    """A named object (a variable, a connection) does not exist."""


class XComNotFound(AirflowException):
    """An XCom that a task needs was never pushed."""


class DuplicateTaskIdFound(AirflowException):
    """Two tasks of one DAG, or two groups, have the same id."""


class AirflowDagCycleException(AirflowException):
    """The tasks of a DAG wait for each other in a circle."""


class ParamValidationError(AirflowException):
    """A DAG parameter has no value, or one that its schema forbids."""


class UnsupportedFeature(AirflowException, ImportError):
    """The DAG file uses a part of Airflow that Mainspring does not have.

    Also an ImportError: that is what an unsupported `from airflow...` is.
    """

    def __init__(self, feature: str, instead: str = ""):
        super().__init__(f"{feature} is not supported by Mainspring" + (f": {instead}" if instead else ""))
        self.feature = feature
