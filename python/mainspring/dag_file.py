"""Executing a DAG file and finding its DAGs."""

import hashlib
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from mainspring import airflow
from mainspring.airflow import state
from mainspring.airflow.dag import DAG
from mainspring.airflow.exceptions import AirflowException, DuplicateTaskIdFound


def load(dag_file: Path, project: Path) -> list[DAG]:
    """The DAGs of a file in the order of their creation, checked for cycles.

    The folder of the file and the project's are importable from it.
    """
    airflow.install()
    for folder in (str(project), str(dag_file.parent)):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    state.begin(dag_file)
    module = ModuleType(_module_name(dag_file))
    module.__file__ = str(dag_file)
    # Registered, so that dataclasses and pickles of the file find their module.
    sys.modules[module.__name__] = module
    exec(compile(dag_file.read_bytes(), str(dag_file), "exec"), module.__dict__)
    return _collect()


def find(dags: list[DAG], dag_id: str) -> DAG:
    for dag in dags:
        if dag.dag_id == dag_id:
            return dag
    raise AirflowException(f"the file no longer defines DAG {dag_id!r}; it defines {', '.join(d.dag_id for d in dags)}")


def describe_error(error: BaseException, dag_file: Path) -> dict[str, Any]:
    """An error with the line of the DAG file where it arose."""
    return {
        "type": type(error).__name__,
        "message": _message(error),
        "line": _line(error, str(dag_file)),
        "traceback": "".join(traceback.format_exception(error)),
    }


def _collect() -> list[DAG]:
    dags = list(state.dags)
    if not dags:
        raise AirflowException(
            "the file defines no DAG: write `with DAG('name', ...) as dag:`, or call the function decorated with @dag"
        )
    seen: dict[str, DAG] = {}
    for dag in dags:
        if dag.dag_id in seen:
            error = DuplicateTaskIdFound(
                f"two DAGs are called {dag.dag_id!r} (lines {seen[dag.dag_id].line} and {dag.line})"
            )
            error.line = dag.line
            raise error
        seen[dag.dag_id] = dag
        dag.check_cycle()
    return dags


def _module_name(dag_file: Path) -> str:
    """Unlike any other module's, whatever the file is called."""
    digest = hashlib.sha256(str(dag_file).encode()).hexdigest()[:16]
    return f"mainspring_dag_{digest}_{dag_file.stem}"


def _message(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return error.msg
    if isinstance(error, SystemExit):
        return f"the file called sys.exit({error.code!r}) while it was read"
    return str(error) or type(error).__name__


def _line(error: BaseException, dag_file: str) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == dag_file:
        return error.lineno
    line = getattr(error, "line", None)
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == dag_file:
            line = frame.lineno
    return line
