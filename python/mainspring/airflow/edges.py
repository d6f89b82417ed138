"""Dependencies: `>>`, `<<`, `chain` and what can stand on either side."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mainspring.airflow.exceptions import AirflowException

if TYPE_CHECKING:
    from mainspring.airflow.operator import BaseOperator


class Dependable:
    """Something with an entrance and an exit: a task, a group, a task's result."""

    def roots(self) -> "list[BaseOperator]":
        """The tasks that wait for what comes before."""
        raise NotImplementedError

    def leaves(self) -> "list[BaseOperator]":
        """The tasks that what comes after waits for."""
        raise NotImplementedError

    def set_upstream(self, other: Any, edge_modifier: Any = None) -> None:
        for node in nodes(other):
            connect(node, self)

    def set_downstream(self, other: Any, edge_modifier: Any = None) -> None:
        for node in nodes(other):
            connect(self, node)

    def __rshift__(self, other: Any) -> Any:
        self.set_downstream(other)
        return other

    def __lshift__(self, other: Any) -> Any:
        self.set_upstream(other)
        return other

    def __rrshift__(self, other: Any) -> "Dependable":
        self.set_upstream(other)
        return self

    def __rlshift__(self, other: Any) -> "Dependable":
        self.set_downstream(other)
        return self


class Label(Dependable):
    """A caption on an edge. It joins what stands before it to what stands after."""

    def __init__(self, label: str):
        self.label = label
        self._before: list[Dependable] = []
        self._after: list[Dependable] = []

    def attach(self, node: Dependable, before: bool) -> None:
        (self._before if before else self._after).append(node)
        opposite = self._after if before else self._before
        for other in opposite:
            connect(node, other) if before else connect(other, node)


def connect(upstream: Dependable, downstream: Dependable) -> None:
    """Make every root of `downstream` wait for every leaf of `upstream`."""
    if isinstance(downstream, Label):
        downstream.attach(upstream, before=True)
        return
    if isinstance(upstream, Label):
        upstream.attach(downstream, before=False)
        return
    for leaf in upstream.leaves():
        for root in downstream.roots():
            leaf.add_edge(root)


def nodes(value: Any) -> Iterable[Dependable]:
    """The dependables in a task, a group, a result or a list of them."""
    if isinstance(value, Dependable):
        return [value]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [node for item in value for node in nodes(item)]
    raise AirflowException(
        f"a dependency must be a task, a task group or a list of them, not {type(value).__name__}; "
        "a function needs @task and a call before it can stand beside >>"
    )


def chain(*tasks: Any) -> None:
    """a -> b -> c; two lists of equal length are joined pairwise."""
    for left, right in zip(tasks, tasks[1:]):
        if isinstance(left, Sequence) and isinstance(right, Sequence):
            if len(left) != len(right):
                raise AirflowException(
                    f"chain() joins neighbouring lists pairwise, but they have {len(left)} and {len(right)} items; "
                    "use chain_linear() to join each with each"
                )
            for up, down in zip(left, right):
                _join(up, down)
        else:
            _join(left, right)


def chain_linear(*elements: Any) -> None:
    """Like chain(), but neighbouring lists are joined each with each."""
    if not elements:
        raise ValueError("chain_linear() needs at least one task or list of tasks")
    for left, right in zip(elements, elements[1:]):
        _join(left, right)


def cross_downstream(from_tasks: Sequence[Any], to_tasks: Any) -> None:
    """Every task of the first list comes before every task of the second."""
    _join(from_tasks, to_tasks)


def _join(left: Any, right: Any) -> None:
    for up in nodes(left):
        for down in nodes(right):
            connect(up, down)
