"""Task groups: an id prefix, and a name for many tasks in a dependency."""

from collections.abc import Iterator
from typing import Any

from mainspring.airflow import state
from mainspring.airflow.edges import Dependable
from mainspring.airflow.exceptions import AirflowException, DuplicateTaskIdFound, UnsupportedFeature
from mainspring.airflow.operator import BaseOperator, checked_id


class TaskGroup(Dependable):
    def __init__(
        self,
        group_id: str,
        prefix_group_id: bool = True,
        parent_group: "TaskGroup | None" = None,
        dag: Any = None,
        default_args: dict[str, Any] | None = None,
        tooltip: str = "",
        ui_color: str = "",
        ui_fgcolor: str = "",
        add_suffix_on_collision: bool = False,
        group_display_name: str = "",
    ):
        self.dag = dag or (state.open_dags[-1] if state.open_dags else None)
        if self.dag is None:
            raise AirflowException(f"task group {group_id!r} belongs to no DAG: create it inside `with DAG(...)`")
        self.parent = parent_group or (state.open_groups[-1] if state.open_groups else None)
        self.prefix_group_id = prefix_group_id
        self.default_args = {**(self.parent.default_args if self.parent else {}), **(default_args or {})}
        self.children: list[BaseOperator | TaskGroup] = []
        label = checked_id("group_id", group_id)
        self.group_id = self.parent.child_id(label) if self.parent else label
        if self.group_id in self.dag.groups or self.group_id in self.dag.task_dict:
            if not add_suffix_on_collision:
                raise DuplicateTaskIdFound(f"DAG {self.dag.dag_id!r} has a task or a group {self.group_id!r} already")
            self.group_id = numbered(self.group_id, {*self.dag.groups, *self.dag.task_dict})
        self.dag.groups[self.group_id] = self
        if self.parent:
            self.parent.add(self)

    def child_id(self, label: str) -> str:
        """The full id of a task or group of this group."""
        if self.prefix_group_id:
            return f"{self.group_id}.{label}"
        return self.parent.child_id(label) if self.parent else label

    def add(self, child: "BaseOperator | TaskGroup") -> None:
        self.children.append(child)

    def tasks(self) -> Iterator[BaseOperator]:
        for child in self.children:
            if isinstance(child, TaskGroup):
                yield from child.tasks()
            else:
                yield child

    def roots(self) -> list[BaseOperator]:
        inside = {task.task_id for task in self.tasks()}
        return [task for task in self.tasks() if not task.upstream_task_ids & inside]

    def leaves(self) -> list[BaseOperator]:
        inside = {task.task_id for task in self.tasks()}
        return [task for task in self.tasks() if not task.downstream_task_ids & inside]

    def __enter__(self) -> "TaskGroup":
        state.open_groups.append(self)
        return self

    def __exit__(self, *exc: Any) -> None:
        state.open_groups.pop()

    def expand(self, **kwargs: Any) -> Any:
        raise UnsupportedFeature("dynamic task mapping (TaskGroup.expand)", "write the groups in a loop")

    def __repr__(self) -> str:
        return f"<TaskGroup: {self.group_id}>"


def numbered(name: str, taken: Any) -> str:
    """`name__1`, `name__2`, ...: the first that is free."""
    number = 1
    while f"{name}__{number}" in taken:
        number += 1
    return f"{name}__{number}"
