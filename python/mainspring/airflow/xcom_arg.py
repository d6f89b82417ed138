"""The result of a task that has not run yet, as an argument of another."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mainspring.airflow.edges import Dependable
from mainspring.airflow.exceptions import AirflowException, UnsupportedFeature, XComNotFound

if TYPE_CHECKING:
    from mainspring.airflow.operator import BaseOperator

RETURN_KEY = "return_value"


class Resolvable:
    """An argument whose value is known only when the task runs."""

    def resolve(self, context: Any) -> Any:
        raise NotImplementedError


class XComArg(Dependable, Resolvable):
    def __init__(self, operator: "BaseOperator", key: str = RETURN_KEY):
        self.operator = operator
        self.key = key

    def roots(self) -> "list[BaseOperator]":
        return [self.operator]

    leaves = roots

    def resolve(self, context: Any) -> Any:
        missing = object()
        value = context["ti"].xcom_pull(task_ids=self.operator.task_id, key=self.key, default=missing)
        if value is not missing:
            return value
        if self.key == RETURN_KEY:
            return None
        raise XComNotFound(f"task {self.operator.task_id!r} pushed no XCom with key {self.key!r}")

    def __getitem__(self, key: str) -> "XComArg":
        if not isinstance(key, str):
            raise AirflowException(
                f"a task's result can be indexed by the name of one of its outputs only, not by {key!r}; "
                "index inside the task that receives it"
            )
        return XComArg(self.operator, key)

    def __iter__(self) -> Any:
        raise AirflowException(
            "a task's result is not known while the DAG is read: iterate inside the task that receives it"
        )

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        return f"{{{{ task_instance.xcom_pull(task_ids={self.operator.task_id!r}, key={self.key!r}) }}}}"

    def map(self, *args: Any) -> Any:
        raise UnsupportedFeature("XComArg.map (dynamic task mapping)", "loop inside the task")

    zip = concat = map

    def __enter__(self) -> Any:
        raise UnsupportedFeature("a task as a context manager (setup and teardown)")

    def __exit__(self, *exc: Any) -> None:
        """Needed for __enter__ to be reached."""

    def as_setup(self) -> Any:
        return self.operator.as_setup()

    def as_teardown(self, *args: Any, **kwargs: Any) -> Any:
        return self.operator.as_teardown(*args, **kwargs)


def xcom_args(value: Any) -> Iterator[XComArg]:
    """Every XComArg inside nested lists, tuples, sets and dicts."""
    if isinstance(value, XComArg):
        yield value
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from xcom_args(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from xcom_args(item)
