"""Airflow Variables, from the environment: AIRFLOW_VAR_<NAME>."""

import json
import os
from typing import Any

from mainspring.airflow.exceptions import AirflowNotFoundException, UnsupportedFeature

_UNSET = object()


class Variable:
    @staticmethod
    def get(key: str, default_var: Any = _UNSET, deserialize_json: bool = False, *, default: Any = _UNSET) -> Any:
        name = f"AIRFLOW_VAR_{key.upper()}"
        if name in os.environ:
            return json.loads(os.environ[name]) if deserialize_json else os.environ[name]
        fallback = default if default is not _UNSET else default_var
        if fallback is _UNSET:
            raise AirflowNotFoundException(f"Variable {key!r} does not exist: set {name} in the server's environment")
        return fallback

    @staticmethod
    def set(*args: Any, **kwargs: Any) -> None:
        raise UnsupportedFeature("Variable.set", "set AIRFLOW_VAR_<NAME> in the server's environment")

    delete = setdefault = update = set


class VariableAccessor:
    """`var.value.name` and `var.json.name` of templates."""

    def __init__(self, deserialize_json: bool):
        self._deserialize_json = deserialize_json

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return Variable.get(name, deserialize_json=self._deserialize_json)

    def get(self, name: str, default: Any = _UNSET) -> Any:
        return Variable.get(name, default, self._deserialize_json)
