"""DAG parameters: a default, and optionally what values are allowed."""

from typing import Any

from mainspring.airflow.exceptions import ParamValidationError
from mainspring.airflow.xcom_arg import Resolvable

_UNSET = object()

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (dict,),
    "null": (type(None),),
}


class Param:
    """A default with a JSON-schema fragment; `type`, `enum`, `minimum` and `maximum` are checked."""

    def __init__(self, default: Any = _UNSET, description: str | None = None, **schema: Any):
        self.has_default = default is not _UNSET
        self.default = default if self.has_default else None
        self.description = description
        self.schema = schema.pop("schema", None) or schema

    @classmethod
    def of(cls, value: Any) -> "Param":
        return value if isinstance(value, Param) else cls(value)

    @property
    def value(self) -> Any:
        return self.default

    def resolve(self, name: str, given: Any = _UNSET) -> Any:
        """The value of a run, checked."""
        if given is _UNSET and not self.has_default:
            raise ParamValidationError(f"parameter {name!r} has no default: give it a value when starting the run")
        value = self.default if given is _UNSET else given
        self._check(name, value)
        return value

    def _check(self, name: str, value: Any) -> None:
        types = self.schema.get("type")
        if types:
            names = [types] if isinstance(types, str) else list(types)
            if not any(_is(value, kind) for kind in names):
                raise ParamValidationError(
                    f"parameter {name!r} must be of type {' or '.join(names)}, not {type(value).__name__}: {value!r}"
                )
        if "enum" in self.schema and value not in self.schema["enum"]:
            raise ParamValidationError(f"parameter {name!r} must be one of {self.schema['enum']}, not {value!r}")
        if isinstance(value, int | float):
            low, high = self.schema.get("minimum"), self.schema.get("maximum")
            if (low is not None and value < low) or (high is not None and value > high):
                raise ParamValidationError(f"parameter {name!r} is {value!r}, outside of {low} to {high}")


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool) and kind in ("integer", "number"):
        return False
    return isinstance(value, _TYPES.get(kind, (object,)))


class ParamsDict(dict):
    """The resolved parameters of a run; also the name DAG files use in annotations."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"this run has no parameter {name!r}; it has {sorted(self)}") from None


class DagParam(Resolvable):
    """An argument of a `@dag` function, whose value is that of the run."""

    def __init__(self, name: str):
        self.name = name

    def resolve(self, context: Any) -> Any:
        return context["params"][self.name]


def resolve_params(declared: dict[str, Param], given: dict[str, Any]) -> ParamsDict:
    """Defaults, overridden by what the run was started with."""
    values = ParamsDict(given)
    for name, param in declared.items():
        values[name] = param.resolve(name, given[name]) if name in given else param.resolve(name)
    return values
