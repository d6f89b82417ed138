"""BaseOperator: what every task has in common."""

import inspect
import logging
import re
import sys
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from mainspring.airflow import state
from mainspring.airflow.edges import Dependable
from mainspring.airflow.exceptions import AirflowException, UnsupportedFeature
from mainspring.airflow.params import Param
from mainspring.airflow.trigger_rule import TriggerRule
from mainspring.airflow.xcom_arg import XComArg, xcom_args

_ID = re.compile(r"^[A-Za-z0-9_.\-]{1,250}$")

DESCRIPTIVE = {
    "owner", "doc", "doc_md", "doc_json", "doc_yaml", "doc_rst", "task_display_name", "logger_name",
    "ui_color", "ui_fgcolor", "executor_config", "queue", "email_on_retry", "email_on_failure",
    "allow_nested_operators", "show_return_value_in_log", "weight_rule", "start_date", "end_date",
}  # fmt: skip
"""Arguments that change nothing about whether or how a task runs here."""

NO_EFFECT = {"email": "no mail is sent", "sla": "no SLA is watched", "run_as_user": "tasks run as the server's user"}
"""Arguments that users expect something of: accepted, with a warning in the log."""


def checked_id(kind: str, value: Any) -> str:
    if not isinstance(value, str) or not _ID.match(value):
        raise AirflowException(
            f"{kind} {value!r} must be a string of letters, digits, dashes, dots and underscores, at most 250 long"
        )
    return value


class OperatorMeta(type):
    """Fills in `default_args` and finds the edges that arguments imply.

    Both need the call as a whole, before and after every `__init__` of the
    class and its user-written subclasses.
    """

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if args:
            raise AirflowException(f"{cls.__name__} takes keyword arguments only; write {cls.__name__}(task_id=...)")
        dag = kwargs.get("dag") or (state.open_dags[-1] if state.open_dags else None)
        group = kwargs.get("task_group") or (state.open_groups[-1] if state.open_groups else None)
        defaults = {
            **(dag.default_args if dag else {}),
            **(group.default_args if group else {}),
            **kwargs.pop("default_args", {}),
        }
        accepted = cls._argument_names()
        for name, value in defaults.items():
            if name in accepted:
                kwargs.setdefault(name, value)
        operator = super().__call__(**kwargs)
        for field in operator.template_fields:
            for argument in xcom_args(getattr(operator, field, None)):
                operator.set_upstream(argument)
        return operator

    def _argument_names(cls) -> set[str]:
        names = set(DESCRIPTIVE) | set(NO_EFFECT)
        for base in cls.__mro__:
            if "__init__" in base.__dict__:
                names.update(inspect.signature(base.__dict__["__init__"]).parameters)
        return names - {"self", "kwargs", "args"}


class BaseOperator(Dependable, metaclass=OperatorMeta):
    """A task. Subclasses give `execute(context)`; its result is pushed as XCom."""

    template_fields: Iterable[str] = ()
    template_ext: Iterable[str] = ()

    def __init__(
        self,
        task_id: str,
        dag: Any = None,
        task_group: Any = None,
        params: dict[str, Any] | None = None,
        retries: int | None = None,
        retry_delay: timedelta | float = timedelta(seconds=300),
        retry_exponential_backoff: bool | float = False,
        max_retry_delay: timedelta | float | None = None,
        execution_timeout: timedelta | None = None,
        depends_on_past: bool = False,
        priority_weight: int = 1,
        pool: str | None = None,
        trigger_rule: str = TriggerRule.ALL_SUCCESS,
        do_xcom_push: bool = True,
        multiple_outputs: bool = False,
        render_template_as_native_obj: bool | None = None,
        on_execute_callback: Any = None,
        on_success_callback: Any = None,
        on_failure_callback: Any = None,
        on_retry_callback: Any = None,
        on_skipped_callback: Any = None,
        pre_execute: Callable[[Any], None] | None = None,
        post_execute: Callable[[Any, Any], None] | None = None,
        **kwargs: Any,
    ):
        self._accept(kwargs)
        self.task_group = task_group or (state.open_groups[-1] if state.open_groups else None)
        self.label = checked_id("task_id", task_id)
        self.task_id = self.task_group.child_id(task_id) if self.task_group else task_id
        self.line = state.current_line()
        self.upstream_task_ids: set[str] = set()
        self.downstream_task_ids: set[str] = set()
        self.params = {name: Param.of(value) for name, value in (params or {}).items()}
        self.retries = _count("retries", retries)
        self.retry_delay = _duration("retry_delay", retry_delay)
        self.retry_exponential_backoff = bool(retry_exponential_backoff)
        self.max_retry_delay = _duration("max_retry_delay", max_retry_delay)
        self.execution_timeout = _duration("execution_timeout", execution_timeout)
        self.depends_on_past = bool(depends_on_past)
        self.priority_weight = priority_weight
        self.pool = pool or "default_pool"
        self.trigger_rule = TriggerRule.parse(trigger_rule)
        self.do_xcom_push = do_xcom_push
        self.multiple_outputs = multiple_outputs
        self.render_template_as_native_obj = render_template_as_native_obj
        self.callbacks = {
            "execute": on_execute_callback,
            "success": on_success_callback,
            "failure": on_failure_callback,
            "retry": on_retry_callback,
            "skipped": on_skipped_callback,
        }
        self.pre_execute_hook = pre_execute
        self.post_execute_hook = post_execute
        self._dag: Any = None
        owner = dag or (state.open_dags[-1] if state.open_dags else None)
        if owner:
            self.dag = owner
        if self.task_group:
            self.task_group.add(self)

    def _accept(self, extra: dict[str, Any]) -> None:
        for name, value in extra.items():
            if name in DESCRIPTIVE:
                continue
            if name in NO_EFFECT:
                if value:
                    print(f"warning: {name} of {type(self).__name__}: {NO_EFFECT[name]}", file=sys.stderr)
                continue
            raise UnsupportedFeature(f"argument {name!r} of {type(self).__name__}", "remove it")

    @property
    def dag(self) -> Any:
        if self._dag is None:
            raise AirflowException(
                f"task {self.task_id!r} belongs to no DAG: create it inside `with DAG(...)` or pass dag=dag"
            )
        return self._dag

    @dag.setter
    def dag(self, dag: Any) -> None:
        if self._dag is not None and self._dag is not dag:
            raise AirflowException(f"task {self.task_id!r} already belongs to DAG {self._dag.dag_id!r}")
        if self._dag is None:
            dag.add_task(self)
            self._dag = dag

    def has_dag(self) -> bool:
        return self._dag is not None

    @property
    def task_type(self) -> str:
        return type(self).__name__

    operator_name = task_type

    @property
    def output(self) -> XComArg:
        """This task's result, to pass to another task."""
        return XComArg(self)

    def roots(self) -> "list[BaseOperator]":
        return [self]

    def leaves(self) -> "list[BaseOperator]":
        return [self]

    def add_edge(self, downstream: "BaseOperator") -> None:
        """The one place where an edge comes into being."""
        if self._dag is None and downstream._dag is not None:
            self.dag = downstream._dag
        elif downstream._dag is None and self._dag is not None:
            downstream.dag = self._dag
        elif self._dag is not downstream._dag:
            raise AirflowException(
                f"{self.task_id!r} and {downstream.task_id!r} belong to different DAGs and cannot depend on each other"
            )
        self.downstream_task_ids.add(downstream.task_id)
        downstream.upstream_task_ids.add(self.task_id)

    @property
    def upstream_list(self) -> "list[BaseOperator]":
        return [self.dag.get_task(task_id) for task_id in sorted(self.upstream_task_ids)]

    @property
    def downstream_list(self) -> "list[BaseOperator]":
        return [self.dag.get_task(task_id) for task_id in sorted(self.downstream_task_ids)]

    def get_direct_relatives(self, upstream: bool = False) -> "list[BaseOperator]":
        return self.upstream_list if upstream else self.downstream_list

    def get_flat_relative_ids(self, upstream: bool = False) -> set[str]:
        """Ids of everything before (or after) this task, however far."""
        found: set[str] = set()
        waiting = list(self.upstream_task_ids if upstream else self.downstream_task_ids)
        while waiting:
            task_id = waiting.pop()
            if task_id not in found:
                found.add(task_id)
                task = self.dag.get_task(task_id)
                waiting.extend(task.upstream_task_ids if upstream else task.downstream_task_ids)
        return found

    def execute(self, context: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define execute(self, context)")

    def render_template(self, content: Any, context: Any) -> Any:
        from mainspring.airflow.templates import Renderer

        return Renderer(self).render(content, context)

    @property
    def log(self) -> Any:
        return logging.getLogger(f"airflow.task.{type(self).__name__}")

    @classmethod
    def partial(cls, **kwargs: Any) -> Any:
        raise UnsupportedFeature(f"dynamic task mapping ({cls.__name__}.partial)", "write the tasks in a loop")

    def as_setup(self) -> Any:
        raise UnsupportedFeature("as_setup()", "use an ordinary upstream task")

    def as_teardown(self, *args: Any, **kwargs: Any) -> Any:
        raise UnsupportedFeature("as_teardown()", "use a downstream task with trigger_rule='all_done'")

    def __repr__(self) -> str:
        return f"<Task({type(self).__name__}): {self.task_id}>"


def _count(name: str, value: Any) -> int:
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise AirflowException(f"{name} must be a whole number of 0 or more, not {value!r}")
    return value


def _duration(name: str, value: Any) -> timedelta | None:
    if value is None or isinstance(value, timedelta):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return timedelta(seconds=value)
    raise AirflowException(f"{name} must be a timedelta or a number of seconds, not {value!r}")
