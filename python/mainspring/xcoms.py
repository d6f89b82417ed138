"""What one task may tell the others: JSON values of a bounded size."""

import json
import math
from typing import Any

from mainspring.airflow.exceptions import AirflowException

LIMIT = 1024 * 1024


def checked_xcoms(task_id: str, pushed: dict[str, Any]) -> dict[str, Any]:
    """The XComs as plain JSON, or an error that names the value at fault."""
    plain = {}
    for key, value in pushed.items():
        if not isinstance(key, str):
            raise AirflowException(f"task {task_id!r} pushed an XCom with key {key!r}; keys must be strings")
        plain[key] = _plain(value, f"XCom {key!r} of task {task_id!r}")
    size = len(json.dumps(plain).encode())
    if size > LIMIT:
        raise AirflowException(
            f"the XComs of task {task_id!r} have {size:,} bytes, more than {LIMIT:,}; write a file and push its path"
        )
    return plain


def _plain(value: Any, where: str) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise AirflowException(f"{where} is {value}, which JSON cannot hold; push None instead")
        return float(value)
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise AirflowException(
                    f"{where} has the key {key!r} of type {type(key).__name__}; JSON keys are strings"
                )
        return {key: _plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    kind = type(value)
    raise AirflowException(
        f"{where} is of type {kind.__module__}.{kind.__qualname__}, which JSON cannot hold; "
        "return a str, number, bool, list or dict, or write a file and return its path"
    )
