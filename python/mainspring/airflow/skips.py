"""Which tasks a branch or a short circuit skips."""

from collections.abc import Iterable
from typing import Any

from mainspring.airflow.exceptions import AirflowException


class SkipMixin:
    """A task that decides about those after it."""

    def skip(self, context: Any, task_ids: Iterable[str]) -> None:
        context.skipped.extend(task_id for task_id in task_ids if task_id not in context.skipped)


def branch_skips(task: Any, chosen: Any) -> list[str]:
    """The direct successors that were not chosen.

    A successor that also comes after a chosen task is a join and stays.
    """
    followed = _chosen_ids(task, chosen)
    keep = set(followed)
    for task_id in followed:
        keep |= task.dag.get_task(task_id).get_flat_relative_ids()
    return sorted(task.downstream_task_ids - keep)


def short_circuit_skips(task: Any, transitive: bool) -> list[str]:
    return sorted(task.get_flat_relative_ids() if transitive else task.downstream_task_ids)


def _chosen_ids(task: Any, chosen: Any) -> list[str]:
    if chosen is None:
        return []
    names = [chosen] if isinstance(chosen, str) else chosen
    if not isinstance(names, list | tuple | set) or not all(isinstance(name, str) for name in names):
        raise AirflowException(
            f"branch {task.task_id!r} must return a task id, a list of task ids or None, not {type(chosen).__name__}: {chosen!r}"
        )
    ids: list[str] = []
    unknown = [name for name in names if name not in task.dag.task_dict and name not in task.dag.groups]
    if unknown:
        raise AirflowException(
            f"branch {task.task_id!r} chose {', '.join(map(repr, sorted(unknown)))}, which DAG {task.dag.dag_id!r} does not have; "
            f"its tasks are {', '.join(task.dag.task_dict)}"
        )
    for name in names:
        group = task.dag.groups.get(name)
        ids += [root.task_id for root in group.roots()] if group else [name]
    return ids
