"""What a running task knows: Airflow's template context."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from mainspring.airflow import macros
from mainspring.airflow.exceptions import AirflowException, UnsupportedFeature
from mainspring.airflow.moments import moment
from mainspring.airflow.params import resolve_params
from mainspring.airflow.variables import VariableAccessor
from mainspring.airflow.xcom_arg import RETURN_KEY

CONTEXT_NAMES = {
    "conf", "conn", "dag", "dag_run", "data_interval_end", "data_interval_start", "ds", "ds_nodash", "execution_date",
    "inlets", "logical_date", "macros", "outlets", "params", "run_id", "task", "task_instance",
    "task_instance_key_str", "templates_dict", "ti", "tomorrow_ds", "ts", "ts_nodash", "ts_nodash_with_tz", "var",
    "yesterday_ds",
}  # fmt: skip

_UNSET = object()
_current: "list[Context]" = []


def current_context() -> "Context":
    if not _current:
        raise AirflowException("get_current_context() works inside a running task only")
    return _current[-1]


class DagRun:
    """The run: `conf` is what it was started with."""

    def __init__(self, attempt: dict[str, Any]):
        self.dag_id = attempt["dag_id"]
        self.run_id = attempt["run_id"]
        self.run_type = attempt["run_type"]
        self.conf = attempt.get("conf") or {}
        self.logical_date = self.execution_date = moment(attempt["logical_date"])
        self.data_interval_start = moment(attempt["data_interval_start"])
        self.data_interval_end = moment(attempt["data_interval_end"])
        self.run_after = moment(attempt["run_after"])
        self.external_trigger = self.run_type == "manual"


class TaskInstance:
    """The attempt: XComs in and out."""

    map_index = -1

    def __init__(self, attempt: dict[str, Any], task: Any, dag_run: DagRun):
        self.task = task
        self.dag_run = dag_run
        self.dag_id = attempt["dag_id"]
        self.task_id = attempt["task_id"]
        self.run_id = attempt["run_id"]
        self.try_number = attempt["try_number"]
        self.max_tries = attempt["max_tries"]
        self.start_date = datetime.now(UTC)
        self.pushed: dict[str, Any] = {}
        self._pulled: dict[str, dict[str, Any]] = attempt.get("xcoms") or {}

    def xcom_push(self, key: str, value: Any, execution_date: Any = None) -> None:
        if execution_date is not None:
            raise UnsupportedFeature("xcom_push(execution_date=...)", "push to this run")
        self.pushed[key] = value

    def xcom_pull(
        self,
        task_ids: str | list[str] | None = None,
        dag_id: str | None = None,
        key: str = RETURN_KEY,
        include_prior_dates: bool = False,
        *,
        default: Any = None,
        map_indexes: Any = None,
        run_id: str | None = None,
    ) -> Any:
        """The value that a task of this run pushed, or `default`.

        Without `task_ids`: the last task before this one that pushed `key`.
        """
        if dag_id not in (None, self.dag_id) or run_id not in (None, self.run_id) or include_prior_dates:
            raise UnsupportedFeature("xcom_pull from another run", "pull from tasks of this run")
        if map_indexes not in (None, -1):
            raise UnsupportedFeature("xcom_pull(map_indexes=...)", "tasks are not mapped")
        if isinstance(task_ids, str):
            return self._of(task_ids).get(key, default)
        if task_ids is not None:
            return [self._of(task_id).get(key, default) for task_id in task_ids]
        values = [pushed[key] for pushed in [*self._pulled.values(), self.pushed] if key in pushed]
        return values[-1] if values else default

    def _of(self, task_id: str) -> dict[str, Any]:
        return self.pushed if task_id == self.task_id else self._pulled.get(task_id, {})


class Context(dict):
    """The context's values by name, and the tasks that the running one skips."""

    def __init__(self, attempt: dict[str, Any], task: Any):
        run = DagRun(attempt)
        ti = TaskInstance(attempt, task, run)
        self.skipped: list[str] = []
        date = run.logical_date
        super().__init__(
            dag=task.dag,
            task=task,
            ti=ti,
            task_instance=ti,
            dag_run=run,
            run_id=run.run_id,
            conf=SimpleNamespace(),
            params=resolve_params({**task.dag.params, **task.params}, {**(attempt.get("params") or {}), **run.conf}),
            var=SimpleNamespace(value=VariableAccessor(False), json=VariableAccessor(True)),
            conn=_NoConnections(),
            macros=macros,
            inlets=[],
            outlets=[],
            templates_dict=None,
            logical_date=date,
            execution_date=date,
            data_interval_start=run.data_interval_start,
            data_interval_end=run.data_interval_end,
            ds=f"{date:%Y-%m-%d}",
            ds_nodash=f"{date:%Y%m%d}",
            ts=date.isoformat(),
            ts_nodash=f"{date:%Y%m%dT%H%M%S}",
            ts_nodash_with_tz=f"{date:%Y%m%dT%H%M%S%z}",
            yesterday_ds=f"{date - timedelta(days=1):%Y-%m-%d}",
            tomorrow_ds=f"{date + timedelta(days=1):%Y-%m-%d}",
            task_instance_key_str=f"{run.dag_id}__{ti.task_id}__{date:%Y%m%d}",
        )

    @staticmethod
    def now() -> datetime:
        return datetime.now(UTC)

    def environment(self) -> dict[str, str]:
        """What Airflow tells the commands it starts."""
        ti = self["ti"]
        return {
            "AIRFLOW_CTX_DAG_ID": ti.dag_id,
            "AIRFLOW_CTX_TASK_ID": ti.task_id,
            "AIRFLOW_CTX_DAG_RUN_ID": ti.run_id,
            "AIRFLOW_CTX_TRY_NUMBER": str(ti.try_number),
            "AIRFLOW_CTX_LOGICAL_DATE": self["ts"],
            "AIRFLOW_CTX_EXECUTION_DATE": self["ts"],
        }

    def __enter__(self) -> "Context":
        _current.append(self)
        return self

    def __exit__(self, *exc: Any) -> None:
        _current.pop()


class _NoConnections:
    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise UnsupportedFeature("Airflow connections (conn)", "read credentials from the environment")
