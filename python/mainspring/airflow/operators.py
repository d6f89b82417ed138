"""Operators that need nothing but Python."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from mainspring.airflow.call import call_with_context
from mainspring.airflow.context import current_context
from mainspring.airflow.exceptions import AirflowException
from mainspring.airflow.operator import BaseOperator
from mainspring.airflow.skips import SkipMixin, branch_skips, short_circuit_skips


class EmptyOperator(BaseOperator):
    """Does nothing; a join or a milestone."""

    def execute(self, context: Any) -> None:
        return None


class PythonOperator(BaseOperator):
    template_fields = ("templates_dict", "op_args", "op_kwargs")

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Iterable[Any] | None = None,
        op_kwargs: dict[str, Any] | None = None,
        templates_dict: dict[str, Any] | None = None,
        templates_exts: Iterable[str] | None = None,
        provide_context: bool = True,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not callable(python_callable):
            raise AirflowException(
                f"python_callable of task {self.task_id!r} must be a function, not {python_callable!r}"
            )
        self.python_callable = python_callable
        self.op_args = list(op_args or [])
        self.op_kwargs = dict(op_kwargs or {})
        self.templates_dict = templates_dict
        if templates_exts:
            self.template_ext = tuple(templates_exts)

    def execute(self, context: Any) -> Any:
        context["templates_dict"] = self.templates_dict
        return call_with_context(self.python_callable, self.op_args, self.op_kwargs, context)


class BranchPythonOperator(PythonOperator, SkipMixin):
    """The function names the tasks or groups to go on with."""

    def execute(self, context: Any) -> Any:
        chosen = super().execute(context)
        self.skip(context, branch_skips(self, chosen))
        return chosen


class BaseBranchOperator(BaseOperator, SkipMixin):
    """A branch written as a class: subclasses give `choose_branch(context)`."""

    def choose_branch(self, context: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define choose_branch(self, context)")

    def execute(self, context: Any) -> Any:
        chosen = self.choose_branch(context)
        self.skip(context, branch_skips(self, chosen))
        return chosen


class ShortCircuitOperator(PythonOperator, SkipMixin):
    """Goes on only if the function returns something truthy."""

    def __init__(self, *, ignore_downstream_trigger_rules: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules

    def execute(self, context: Any) -> Any:
        condition = super().execute(context)
        if not condition:
            self.skip(context, short_circuit_skips(self, self.ignore_downstream_trigger_rules))
        return condition


class LatestOnlyOperator(BaseOperator, SkipMixin):
    """Skips what follows in scheduled runs of the past.

    The next interval is taken to be as long as this one.
    """

    def execute(self, context: Any) -> None:
        run = context["dag_run"]
        if run.run_type != "scheduled":
            return
        start, end = context["data_interval_start"], context["data_interval_end"]
        if end - start <= timedelta(0):
            raise AirflowException("LatestOnlyOperator needs a run with a data interval; this run's has no length")
        if not start < context.now() <= end + (end - start):
            self.skip(context, sorted(self.downstream_task_ids))


def get_current_context() -> Any:
    """The context of the running task; fails outside of one."""
    return current_context()
