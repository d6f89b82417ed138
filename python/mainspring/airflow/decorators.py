"""The TaskFlow interface: @task, @task_group and @dag."""

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from mainspring.airflow import state
from mainspring.airflow.bash import BashOperator
from mainspring.airflow.call import call_with_context, check_call
from mainspring.airflow.context import CONTEXT_NAMES
from mainspring.airflow.dag import DAG
from mainspring.airflow.exceptions import AirflowException, UnsupportedFeature
from mainspring.airflow.groups import TaskGroup, numbered
from mainspring.airflow.operators import BranchPythonOperator, PythonOperator, ShortCircuitOperator
from mainspring.airflow.params import DagParam, Param
from mainspring.airflow.xcom_arg import XComArg


class BashFunctionOperator(BashOperator):
    """@task.bash: the function returns the command."""

    template_fields = ("op_args", "op_kwargs", "env", "cwd")

    def __init__(self, *, python_callable: Callable[..., Any], op_args: Any = (), op_kwargs: Any = None, **kwargs: Any):
        super().__init__(bash_command="", **kwargs)
        self.python_callable = python_callable
        self.op_args = list(op_args)
        self.op_kwargs = dict(op_kwargs or {})

    def execute(self, context: Any) -> Any:
        command = call_with_context(self.python_callable, self.op_args, self.op_kwargs, context)
        if not isinstance(command, str) or not command.strip():
            raise AirflowException(f"@task.bash function {self.task_id!r} must return a command, not {command!r}")
        self.bash_command = self.render_template(command, context)
        return super().execute(context)


class TaskFunction:
    """A function decorated with @task: calling it makes a task."""

    def __init__(self, operator_class: type, function: Callable[..., Any], options: dict[str, Any]):
        if inspect.isclass(function) or not callable(function):
            raise AirflowException(f"@task decorates functions, not {function!r}")
        self.operator_class = operator_class
        self.function = function
        self.options = options
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> XComArg:
        check_call(self.function, args, kwargs, CONTEXT_NAMES)
        options = {
            "multiple_outputs": _returns_mapping(self.function),
            "task_id": self.function.__name__,
            **self.options,
        }
        options.setdefault("doc_md", self.function.__doc__)
        options["task_id"] = self._free_id(options["task_id"], options)
        operator = self.operator_class(python_callable=self.function, op_args=list(args), op_kwargs=kwargs, **options)
        return XComArg(operator)

    def _free_id(self, task_id: str, options: dict[str, Any]) -> str:
        """A second call of the same function gets `__1`, a third `__2`."""
        dag = options.get("dag") or (state.open_dags[-1] if state.open_dags else None)
        group = options.get("task_group") or (state.open_groups[-1] if state.open_groups else None)
        full = group.child_id(task_id) if group else task_id
        if dag is None or full not in dag.task_dict:
            return task_id
        suffixed = numbered(full, dag.task_dict)
        return suffixed.removeprefix(full.removesuffix(task_id))

    def override(self, **options: Any) -> "TaskFunction":
        return TaskFunction(self.operator_class, self.function, {**self.options, **options})

    def expand(self, *args: Any, **kwargs: Any) -> Any:
        raise UnsupportedFeature(
            f"dynamic task mapping ({self.function.__name__}.expand)",
            "call the task in a loop, or loop inside the task",
        )

    partial = expand_kwargs = expand


class TaskDecorator:
    """The object `task` with its kinds as attributes."""

    _KINDS: typing.ClassVar[dict[str, type]] = {
        "python": PythonOperator,
        "bash": BashFunctionOperator,
        "branch": BranchPythonOperator,
        "short_circuit": ShortCircuitOperator,
    }

    def __call__(self, function: Callable[..., Any] | None = None, **options: Any) -> Any:
        return self._decorator("python")(function, **options)

    def __getattr__(self, kind: str) -> Any:
        if kind.startswith("_"):
            raise AttributeError(kind)
        if kind not in self._KINDS:
            raise UnsupportedFeature(
                f"@task.{kind}", f"use one of @task, {', '.join(f'@task.{name}' for name in self._KINDS)}"
            )
        return self._decorator(kind)

    def _decorator(self, kind: str) -> Callable[..., Any]:
        def decorate(function: Callable[..., Any] | None = None, **options: Any) -> Any:
            if function is None:
                return lambda function: TaskFunction(self._KINDS[kind], function, options)
            return TaskFunction(self._KINDS[kind], function, options)

        return decorate


task = TaskDecorator()


class GroupFunction:
    """A function decorated with @task_group: calling it makes a group."""

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]):
        self.function = function
        self.options = options
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        options = {"group_id": self.function.__name__, "add_suffix_on_collision": True, **self.options}
        with TaskGroup(**options) as group:
            result = self.function(*args, **kwargs)
        return group if result is None else result

    def override(self, **options: Any) -> "GroupFunction":
        return GroupFunction(self.function, {**self.options, **options})

    def expand(self, *args: Any, **kwargs: Any) -> Any:
        raise UnsupportedFeature(f"dynamic task mapping ({self.function.__name__}.expand)", "call the group in a loop")

    partial = expand_kwargs = expand


def task_group(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    if function is None:
        return lambda function: GroupFunction(function, options)
    return GroupFunction(function, options)


def dag(dag_id: Any = None, **options: Any) -> Any:
    """Turn a function into a DAG factory; its parameters become DAG parameters."""

    def decorate(function: Callable[..., Any]) -> Callable[..., DAG]:
        @functools.wraps(function)
        def factory(*args: Any, **kwargs: Any) -> DAG:
            bound = inspect.signature(function).bind_partial(*args, **kwargs)
            params = dict(options.get("params") or {})
            for name, parameter in inspect.signature(function).parameters.items():
                if name in bound.arguments:
                    params[name] = bound.arguments[name]
                elif parameter.default is not parameter.empty:
                    params[name] = parameter.default
                else:
                    params[name] = Param()
            name = dag_id if isinstance(dag_id, str) else function.__name__
            with DAG(name, **{"doc_md": function.__doc__, **options, "params": params}) as made:
                function(**{name: DagParam(name) for name in inspect.signature(function).parameters})
            return made

        return factory

    return decorate(dag_id) if callable(dag_id) else decorate


def setup(*args: Any, **kwargs: Any) -> Any:
    raise UnsupportedFeature("@setup", "use an ordinary upstream task")


def teardown(*args: Any, **kwargs: Any) -> Any:
    raise UnsupportedFeature("@teardown", "use a downstream task with trigger_rule='all_done'")


def _returns_mapping(function: Callable[..., Any]) -> bool:
    """Airflow splits the result of a function that is annotated to return a mapping."""
    annotation = inspect.signature(function).return_annotation
    if isinstance(annotation, str):
        return annotation.split("[")[0].rpartition(".")[2] in ("dict", "Dict", "Mapping")
    origin = typing.get_origin(annotation) or annotation
    return inspect.isclass(origin) and issubclass(origin, Mapping) and annotation is not inspect.Signature.empty
