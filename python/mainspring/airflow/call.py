"""Calling a user's function with what it asks for."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any


def call_with_context(
    function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any], context: Mapping[str, Any]
) -> Any:
    """Call with `args` and `kwargs`, adding values of the context by parameter name.

    A `**kwargs` parameter receives the whole context. An argument that was
    given wins over the context's value of the same name.
    """
    parameters = list(inspect.signature(function).parameters.values())
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        names = set(context)
    else:
        names = {
            parameter.name
            for parameter in parameters
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        }
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    taken = set(positional[: len(args)]) | set(kwargs)
    injected = {name: context[name] for name in names if name in context and name not in taken}
    return function(*args, **injected, **kwargs)


def check_call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], provided: set[str]) -> None:
    """Raise TypeError now if the call could not work later.

    Parameters named in `provided` are filled in from the context.
    """
    signature = inspect.signature(function)
    bound = signature.bind_partial(*args, **kwargs)
    missing = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and name not in bound.arguments
        and name not in provided
    ]
    if missing:
        raise TypeError(f"{function.__name__}() is called without {', '.join(map(repr, missing))}")
