"""Between JSON and what a model takes and gives.

Imported by the model worker only: needs numpy and pandas, which a model
environment has.
"""

import base64
import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd


MOST_CELLS = 4_000_000
"""Values of a Parquet file at most."""


class InputError(Exception):
    """The caller's data does not fit the model's signature."""


def describe_schema(schema: Any, word: str) -> list[dict[str, Any]] | None:
    """A signature's inputs or outputs, one entry a column or tensor; `word` names what has no name."""
    if schema is None:
        return None
    if schema.is_tensor_spec():
        return [
            {"name": name, "type": "tensor", "required": True, "dtype": str(spec.type), "shape": list(spec.shape)}
            for name, spec in zip(_names(schema, word), schema.inputs)
        ]
    return [
        {"name": name, "type": _type_name(spec), "required": spec.required}
        for name, spec in zip(_names(schema, word), schema.inputs)
    ]


def _names(schema: Any, word: str) -> list[str]:
    made = [word] if len(schema.inputs) == 1 else [f"{word}-{number}" for number in range(len(schema.inputs))]
    return [made[i] if spec.name is None else str(spec.name) for i, spec in enumerate(schema.inputs)]


def model_input(columns: list[str] | None, rows: list[Any], schema: Any) -> Any:
    """What to hand to the model, with each column in the type it was trained on."""
    if columns is None:
        if schema is not None and schema.is_tensor_spec() and len(schema.inputs) == 1:
            return _array(rows, schema.inputs[0].type)
        return _array(rows)
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(columns):
            raise InputError(f"row {number} must be a list of {len(columns)} values, one for each column")
    table = pd.DataFrame(rows, columns=columns)
    if schema is None or schema.is_tensor_spec():
        return table
    missing = [name for name in schema.required_input_names() if name is not None and name not in columns]
    if missing:
        raise InputError(
            f"missing columns: {', '.join(missing)}; the model takes {', '.join(map(str, schema.input_names()))}"
        )
    for spec in schema.inputs:
        if spec.name in table:
            table[spec.name] = _column(spec.name, _type_name(spec), [row[columns.index(spec.name)] for row in rows])
    return table


def zero_row(schema: Any) -> Any:
    """A row that says nothing, in the form that the model takes; None when that is not known."""
    if schema is None:
        return None
    if schema.is_tensor_spec():
        arrays = [np.zeros([1 if side < 0 else side for side in spec.shape], spec.type) for spec in schema.inputs]
        return arrays[0] if len(arrays) == 1 else dict(zip(schema.input_names(), arrays))
    blank = {"string": "", "boolean": False, "datetime": "1970-01-01", "binary": ""}
    return model_input(schema.input_names(), [[blank.get(_type_name(spec), 0) for spec in schema.inputs]], schema)


def json_rows(result: Any) -> Any:
    """A prediction as JSON; what is not finite becomes null."""
    if isinstance(result, pd.DataFrame):
        return [{str(name): json_rows(value) for name, value in row.items()} for row in result.to_dict("records")]
    if isinstance(result, pd.Series | np.ndarray):
        return [json_rows(item) for item in result.tolist()]
    if isinstance(result, list | tuple):
        return [json_rows(item) for item in result]
    if isinstance(result, dict):
        return {str(name): json_rows(value) for name, value in result.items()}
    if isinstance(result, np.generic):
        return json_rows(result.item())
    if isinstance(result, float):
        return result if math.isfinite(result) else None
    if isinstance(result, bytes):
        return base64.b64encode(result).decode()
    if result is None or result is pd.NA or result is pd.NaT:
        return None
    if isinstance(result, bool | int | str):
        return result
    if hasattr(result, "isoformat"):
        return result.isoformat()
    raise TypeError(f"the model returned a {type(result).__name__}, which cannot be sent as JSON")


def decode_parquet(body: str) -> dict[str, Any]:
    """The columns and rows of a Parquet file, which comes as base64 text."""
    try:
        import pyarrow.parquet

        file = pyarrow.parquet.ParquetFile(io.BytesIO(base64.b64decode(body)))
        # Few bytes can hold many rows.
        if file.metadata.num_rows * file.metadata.num_columns > MOST_CELLS:
            raise InputError(f"the Parquet file has more than {MOST_CELLS} values")
        table = file.read().to_pandas()
    except InputError:
        raise
    except ImportError as error:
        raise InputError(f"the model's environment cannot read Parquet: {error}") from None
    except Exception as error:
        raise InputError(f"the Parquet file cannot be read: {error}") from None
    rows = [[json_rows(value) for value in row] for row in table.itertuples(index=False, name=None)]
    return {"columns": [str(name) for name in table.columns], "data": rows}


def _type_name(spec: Any) -> str:
    return getattr(spec.type, "name", None) or str(spec.type)


def _array(rows: list[Any], dtype: Any = None) -> Any:
    try:
        return np.asarray(rows, dtype=dtype)
    except (TypeError, ValueError, OverflowError) as error:
        what = "an array" if dtype is None else f"an array of {dtype}"
        raise InputError(f"the data is not {what}: {error}") from None


def _column(name: str, kind: str, values: list[Any]) -> Any:
    if kind not in _CASTS:
        return values
    dtype, cast, wanted = _CASTS[kind]
    converted = []
    for number, value in enumerate(values):
        try:
            converted.append(cast(value))
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"column {name!r} must hold {wanted}; row {number} has {value!r}") from None
    try:
        return pd.Series(converted, dtype=dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"column {name!r} must hold {wanted}: {error}") from None


def _whole(value: Any) -> int:
    if isinstance(value, bool) or value is None or value != int(value):
        raise ValueError
    return int(value)


def _whole_32(value: Any) -> int:
    return int(np.int32(_whole(value)))


def _real(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _bytes(value: Any) -> bytes:
    return base64.b64decode(value, validate=True)


def _time(value: Any) -> Any:
    """A time without a zone; one that has a zone is told in UTC."""
    time = pd.NaT if value is None else pd.Timestamp(value)
    return time if time is pd.NaT or time.tz is None else time.tz_convert("UTC").tz_localize(None)


_CASTS: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "integer": ("int32", _whole_32, "whole numbers of 32 bits"),
    "long": ("int64", _whole, "whole numbers"),
    "float": ("float32", _real, "numbers or null"),
    "double": ("float64", _real, "numbers or null"),
    "string": ("object", _text, "strings or null"),
    "boolean": ("bool", _truth, "true or false"),
    "binary": ("object", _bytes, "base64 text"),
    "datetime": ("datetime64[ns]", _time, "ISO 8601 times or null"),
}
"""MLflow column type -> pandas type, conversion from JSON, words for messages."""
