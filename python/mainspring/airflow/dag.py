"""DAG: tasks, a schedule, and limits."""

import sys
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mainspring.airflow import state
from mainspring.airflow.exceptions import (
    AirflowDagCycleException,
    AirflowException,
    DuplicateTaskIdFound,
    UnsupportedFeature,
)
from mainspring.airflow.groups import TaskGroup
from mainspring.airflow.operator import BaseOperator, checked_id
from mainspring.airflow.params import Param
from mainspring.airflow.schedule import schedule as parse_schedule
from mainspring.airflow.schedule import zone_name

_UNSET: Any = object()

DESCRIPTIVE = {
    "access_control", "owner_links", "dag_display_name", "default_view", "orientation", "auto_register",
    "is_paused_upon_creation", "full_filepath", "rerun_with_latest_version",
}  # fmt: skip
"""Arguments about Airflow's own UI and deployment."""

NO_EFFECT = {
    "on_success_callback": "use a last task, or an alert in mainspring.toml",
    "on_failure_callback": "use a task with trigger_rule='one_failed', or an alert in mainspring.toml",
    "sla_miss_callback": "no SLA is watched",
}
"""Arguments that users expect something of: accepted, with a warning in the log."""


class DAG:
    def __init__(
        self,
        dag_id: str,
        description: str | None = None,
        schedule: Any = _UNSET,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        schedule_interval: Any = _UNSET,
        timetable: Any = _UNSET,
        template_searchpath: str | Iterable[str] | None = None,
        template_undefined: Any = None,
        user_defined_macros: dict[str, Any] | None = None,
        user_defined_filters: dict[str, Callable[..., Any]] | None = None,
        default_args: dict[str, Any] | None = None,
        concurrency: int | None = None,
        max_active_tasks: int = 16,
        max_active_runs: int = 16,
        dagrun_timeout: timedelta | None = None,
        catchup: bool = False,
        doc_md: str | None = None,
        params: dict[str, Any] | None = None,
        jinja_environment_kwargs: dict[str, Any] | None = None,
        render_template_as_native_obj: bool = False,
        tags: Iterable[str] | None = None,
        **kwargs: Any,
    ):
        self._accept(kwargs)
        self.dag_id = checked_id("dag_id", dag_id)
        self.description = description
        self.default_args = dict(default_args or {})
        given = [value for value in (schedule, schedule_interval, timetable) if value is not _UNSET]
        if len(given) > 1:
            raise AirflowException("give a DAG one of schedule, schedule_interval and timetable, not several")
        self.schedule = parse_schedule(given[0]) if given else None
        self.start_date = start_date or self.default_args.get("start_date")
        self.end_date = end_date or self.default_args.get("end_date")
        for name in ("start_date", "end_date"):
            if not isinstance(getattr(self, name), datetime | None):
                raise AirflowException(f"{name} must be a datetime, not {getattr(self, name)!r}")
        own_zone = getattr(given[0], "timezone", None) if given else None
        self.timezone = zone_name(own_zone or (self.start_date and self.start_date.tzinfo)) or "UTC"
        if self.schedule and self.start_date is None:
            raise AirflowException(f"DAG {dag_id!r} has a schedule but no start_date: give it one, or schedule=None")
        self.catchup = bool(catchup)
        self.max_active_runs = max_active_runs
        self.max_active_tasks = concurrency or max_active_tasks
        self.dagrun_timeout = dagrun_timeout
        self.doc_md = doc_md
        self.params = {name: Param.of(value) for name, value in (params or {}).items()}
        self.tags = sorted(tags or [])
        searchpath = template_searchpath or []
        self.template_searchpath = [searchpath] if isinstance(searchpath, str) else list(searchpath)
        self.template_undefined = template_undefined
        self.user_defined_macros = user_defined_macros or {}
        self.user_defined_filters = user_defined_filters or {}
        self.jinja_environment_kwargs = jinja_environment_kwargs or {}
        self.render_template_as_native_obj = render_template_as_native_obj
        self.task_dict: dict[str, BaseOperator] = {}
        self.groups: dict[str, TaskGroup] = {}
        self.line = state.current_line()
        self.folder: Path | None = None
        """Where template files are looked for first: the folder of the DAG file."""
        self._outer_groups: list[list[TaskGroup]] = []
        state.dags.append(self)

    @staticmethod
    def _accept(extra: dict[str, Any]) -> None:
        for name, value in extra.items():
            if name in DESCRIPTIVE:
                continue
            if name in NO_EFFECT:
                if value:
                    print(f"warning: {name} of a DAG has no effect: {NO_EFFECT[name]}", file=sys.stderr)
                continue
            raise UnsupportedFeature(f"argument {name!r} of DAG", "remove it")

    def __enter__(self) -> "DAG":
        state.open_dags.append(self)
        # A DAG inside the `with` of another's group is not in that group.
        self._outer_groups.append(state.open_groups[:])
        state.open_groups.clear()
        return self

    def __exit__(self, *exc: Any) -> None:
        state.open_dags.pop()
        state.open_groups[:] = self._outer_groups.pop()

    def add_task(self, task: BaseOperator) -> None:
        if task.task_id in self.task_dict or task.task_id in self.groups:
            first = self.task_dict.get(task.task_id)
            where = f" (line {first.line})" if first and first.line else ""
            raise DuplicateTaskIdFound(f"DAG {self.dag_id!r} has a task or a group {task.task_id!r} already{where}")
        self.task_dict[task.task_id] = task

    @property
    def tasks(self) -> list[BaseOperator]:
        return list(self.task_dict.values())

    @property
    def task_ids(self) -> list[str]:
        return list(self.task_dict)

    def has_task(self, task_id: str) -> bool:
        return task_id in self.task_dict

    def get_task(self, task_id: str) -> BaseOperator:
        try:
            return self.task_dict[task_id]
        except KeyError:
            raise AirflowException(
                f"DAG {self.dag_id!r} has no task {task_id!r}; it has {', '.join(self.task_dict) or 'none'}"
            ) from None

    def check_cycle(self) -> None:
        """Raise if tasks wait for each other, naming the circle."""
        finished: set[str] = set()
        for start in self.task_dict:
            path: list[str] = []
            branches = [iter([start])]
            while branches:
                task_id = next(branches[-1], None)
                if task_id is None:
                    branches.pop()
                    if path:
                        finished.add(path.pop())
                elif task_id in path:
                    circle = [*path[path.index(task_id) :], task_id]
                    error = AirflowDagCycleException(
                        f"tasks of DAG {self.dag_id!r} wait in a circle: {' -> '.join(circle)}"
                    )
                    error.line = self.task_dict[task_id].line
                    raise error
                elif task_id not in finished:
                    path.append(task_id)
                    branches.append(iter(sorted(self.task_dict[task_id].downstream_task_ids)))

    def __repr__(self) -> str:
        return f"<DAG: {self.dag_id}>"
