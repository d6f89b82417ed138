"""What is being built while a DAG file executes."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mainspring.airflow.dag import DAG
    from mainspring.airflow.groups import TaskGroup

dags: "list[DAG]" = []
"""Every DAG in the order of creation."""

open_dags: "list[DAG]" = []
"""The `with DAG(...)` blocks around the current line."""

open_groups: "list[TaskGroup]" = []
"""The `with TaskGroup(...)` blocks around the current line, within the innermost DAG."""

_dag_file: str | None = None


def begin(dag_file: Path) -> None:
    """Forget earlier files; line numbers refer to `dag_file` from now on."""
    global _dag_file
    for collected in (dags, open_dags, open_groups):
        collected.clear()
    _dag_file = str(dag_file)


def current_line() -> int | None:
    """The line of the DAG file that is executing, for messages and the UI."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename == _dag_file:
            return frame.f_lineno
        frame = frame.f_back
    return None
