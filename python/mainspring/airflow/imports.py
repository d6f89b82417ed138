"""Answers `import airflow...` of every vintage from this package.

Airflow moved its names several times between 1.10 and 3.x. All paths lead to
one table here, so `airflow.operators.python`, `airflow.operators.python_operator`
and `airflow.providers.standard.operators.python` give the same class.
"""

import logging
import sys
import typing
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from mainspring.airflow import (
    bash,
    context,
    dag,
    decorators,
    edges,
    exceptions,
    groups,
    macros,
    moments,
    operator,
    operators,
    params,
    schedule,
    trigger_rule,
    variables,
    xcom_arg,
)
from mainspring.airflow.exceptions import UnsupportedFeature

NAMES: dict[str, Any] = {
    "DAG": dag.DAG,
    "dag": decorators.dag,
    "task": decorators.task,
    "task_group": decorators.task_group,
    "setup": decorators.setup,
    "teardown": decorators.teardown,
    "TaskGroup": groups.TaskGroup,
    "Label": edges.Label,
    "chain": edges.chain,
    "chain_linear": edges.chain_linear,
    "cross_downstream": edges.cross_downstream,
    "BaseOperator": operator.BaseOperator,
    "BashOperator": bash.BashOperator,
    "EmptyOperator": operators.EmptyOperator,
    "DummyOperator": operators.EmptyOperator,
    "PythonOperator": operators.PythonOperator,
    "BranchPythonOperator": operators.BranchPythonOperator,
    "BaseBranchOperator": operators.BaseBranchOperator,
    "ShortCircuitOperator": operators.ShortCircuitOperator,
    "LatestOnlyOperator": operators.LatestOnlyOperator,
    "get_current_context": operators.get_current_context,
    "Context": context.Context,
    "TaskInstance": context.TaskInstance,
    "RuntimeTaskInstance": context.TaskInstance,
    "DagRun": context.DagRun,
    "XComArg": xcom_arg.XComArg,
    "XCOM_RETURN_KEY": xcom_arg.RETURN_KEY,
    "Param": params.Param,
    "ParamsDict": params.ParamsDict,
    "Variable": variables.Variable,
    "TriggerRule": trigger_rule.TriggerRule,
    "WeightRule": trigger_rule.WeightRule,
    "CronTriggerTimetable": schedule.CronTimetable,
    "CronDataIntervalTimetable": schedule.CronTimetable,
    "DeltaTriggerTimetable": schedule.DeltaTimetable,
    "DeltaDataIntervalTimetable": schedule.DeltaTimetable,
    "LoggingMixin": type("LoggingMixin", (), {"log": property(lambda self: logging.getLogger(type(self).__name__))}),
    "days_ago": moments.days_ago,
    "macros": macros,
    "ds_add": macros.ds_add,
    "ds_format": macros.ds_format,
    "timezone": moments.airflow_timezone(),
    **{name: value for name, value in vars(exceptions).items() if isinstance(value, type)},
}


class AirflowModule(ModuleType):
    """Any `airflow` module: every supported name, wherever it is asked for."""

    __path__: typing.ClassVar[list[str]] = []
    __version__ = "2.11.2"
    __all__: typing.ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        if name in NAMES:
            return NAMES[name]
        if name.startswith("_") or name.islower():
            # Possibly a submodule; Python looks for one next.
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        raise UnsupportedFeature(f"{name} (from {self.__name__})", _ADVICE.get(_kind(name), "remove the import"))


_ADVICE = {
    "Sensor": "use a [[watch]] trigger in mainspring.toml, or poll inside a PythonOperator",
    "Operator": "use a PythonOperator or a BashOperator",
    "Hook": "call the service's own Python client inside a task",
    "Asset": "use a [[trigger]] in mainspring.toml",
}


def _kind(name: str) -> str:
    name = name.removesuffix("Async").replace("Dataset", "Asset")
    return "Asset" if name.startswith("Asset") else next((kind for kind in _ADVICE if name.endswith(kind)), "")


class AirflowFinder(MetaPathFinder, Loader):
    """Claims `airflow` and everything below it, even where Airflow is installed."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname != "airflow" and not fullname.startswith("airflow."):
            return None
        if not fullname.rpartition(".")[2].islower():
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        if spec.name.endswith(".timezone"):
            return NAMES["timezone"]
        return AirflowModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: names come from the table."""


class PendulumFinder(MetaPathFinder, Loader):
    """Stands in for pendulum, which Airflow would have brought along."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname == "pendulum" else None

    def create_module(self, spec: ModuleSpec) -> None:
        """An ordinary module will do."""

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__.update(moments.PENDULUM)


def install() -> None:
    """Make DAG files import this package as Airflow, in this process."""
    if not any(isinstance(finder, AirflowFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, AirflowFinder())
        # Last, so that an installed pendulum comes first.
        sys.meta_path.append(PendulumFinder())
