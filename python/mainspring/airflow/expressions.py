"""`{{ expressions }}` where Jinja2 is not installed.

An expression is a name followed by attributes, indexes, calls and filters:
`{{ ti.xcom_pull(task_ids='a')['rows'] | default(0) }}`. Blocks (`{% if %}`)
need Jinja2. The grammar is a part of Python's own, so `ast` reads it.
"""

import ast
import json
import re
from collections.abc import Callable
from typing import Any

from mainspring.airflow.exceptions import AirflowException

_PIECE = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)
_UNDEFINED = object()

_FILTERS: dict[str, Callable[..., Any]] = {
    "tojson": json.dumps,
    "join": lambda items, separator="": separator.join(str(item) for item in items),
}


def render(text: str, names: dict[str, Any], filters: dict[str, Callable[..., Any]], native: bool = False) -> Any:
    if "{%" in text or "{#" in text:
        raise AirflowException(
            "template blocks and comments ({% ... %}, {# ... #}) need Jinja2: pip install jinja2 in the project's environment"
        )
    evaluator = _Evaluator(names, {**_FILTERS, **filters})
    whole = _PIECE.fullmatch(text.strip())
    if native and whole:
        return evaluator.value(whole[1])
    return _PIECE.sub(lambda match: str(evaluator.value(match[1])), text)


class _Evaluator:
    def __init__(self, names: dict[str, Any], filters: dict[str, Callable[..., Any]]):
        self.names = names
        self.filters = filters

    def value(self, expression: str) -> Any:
        try:
            tree = ast.parse(expression.strip(), mode="eval")
        except SyntaxError:
            raise AirflowException(_too_much(expression)) from None
        value = self._node(tree.body, expression)
        if value is _UNDEFINED:
            raise AirflowException(f"template expression {expression.strip()!r} is undefined")
        return value

    def _node(self, node: ast.expr, source: str) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self.names.get(name, _UNDEFINED)
            case ast.Attribute(value=inner, attr=name) if not name.startswith("_"):
                return _member(self._defined(inner, source), name)
            case ast.Subscript(value=inner, slice=index):
                return _item(self._defined(inner, source), self._defined(index, source))
            case ast.Call(func=function, args=args, keywords=keywords):
                return self._defined(function, source)(
                    *self._arguments(args, source), **self._keywords(keywords, source)
                )
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return [self._defined(item, source) for item in items]
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return self._filter(self._node(left, source), right, source)
        raise AirflowException(_too_much(source))

    def _defined(self, node: ast.expr, source: str) -> Any:
        value = self._node(node, source)
        if value is _UNDEFINED:
            raise AirflowException(f"{ast.unparse(node)!r} in template expression {source.strip()!r} is undefined")
        return value

    def _arguments(self, args: list[ast.expr], source: str) -> list[Any]:
        return [self._defined(arg, source) for arg in args]

    def _keywords(self, keywords: list[ast.keyword], source: str) -> dict[str, Any]:
        if any(keyword.arg is None for keyword in keywords):
            raise AirflowException(_too_much(source))
        return {keyword.arg: self._defined(keyword.value, source) for keyword in keywords}

    def _filter(self, value: Any, call: ast.expr, source: str) -> Any:
        match call:
            case ast.Name(id=name):
                args, keywords = [], {}
            case ast.Call(func=ast.Name(id=name), args=given, keywords=named):
                args, keywords = self._arguments(given, source), self._keywords(named, source)
            case _:
                raise AirflowException(_too_much(source))
        if name == "default":
            return (args[0] if args else "") if value is _UNDEFINED else value
        if name not in self.filters:
            raise AirflowException(
                f"template filter {name!r} needs Jinja2 (pip install jinja2); without it there are default, {', '.join(self.filters)}"
            )
        if value is _UNDEFINED:
            raise AirflowException(f"template expression {source.strip()!r} is undefined")
        return self.filters[name](value, *args, **keywords)


def _member(value: Any, name: str) -> Any:
    """Like Jinja's dot: an attribute, or else an item."""
    if hasattr(value, name):
        return getattr(value, name)
    return _item(value, name)


def _item(value: Any, key: Any) -> Any:
    try:
        return value[key]
    except (KeyError, IndexError, TypeError):
        return _UNDEFINED


def _too_much(source: str) -> str:
    return (
        f"template expression {source.strip()!r} needs Jinja2 (pip install jinja2 in the project's environment); "
        "without it: names, attributes, indexes, calls, literals and filters"
    )
