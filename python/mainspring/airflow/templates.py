"""Rendering of template fields.

With Jinja2 if the interpreter has it; else by `mainspring.airflow.expressions`,
which knows `{{ expressions }}` only.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mainspring.airflow.exceptions import AirflowException
from mainspring.airflow.xcom_arg import Resolvable

FILTERS = {
    "ds": lambda value: f"{value:%Y-%m-%d}",
    "ds_nodash": lambda value: f"{value:%Y%m%d}",
    "ts": lambda value: value.isoformat(),
    "ts_nodash": lambda value: f"{value:%Y%m%dT%H%M%S}",
    "ts_nodash_with_tz": lambda value: f"{value:%Y%m%dT%H%M%S%z}",
}


class Renderer:
    """Replaces templates and results of other tasks in a task's fields."""

    def __init__(self, task: Any):
        self.task = task
        dag = task.dag
        native = task.render_template_as_native_obj
        self.native = dag.render_template_as_native_obj if native is None else native
        self.folders = [str(folder) for folder in (dag.folder, *dag.template_searchpath) if folder]
        self.filters = {**FILTERS, **dag.user_defined_filters}
        self.environment = _jinja_environment(dag, self.folders, self.filters, self.native)

    def render_fields(self, context: Any) -> None:
        names = {**context, **self.task.dag.user_defined_macros}
        for field in self.task.template_fields:
            value = getattr(self.task, field, None)
            if value is not None:
                try:
                    setattr(self.task, field, self._value(value, names, context))
                except AirflowException:
                    raise
                except Exception as error:
                    raise AirflowException(
                        f"cannot render {field} of task {self.task.task_id!r}: {type(error).__name__}: {error}"
                    ) from error

    def render(self, content: Any, context: Any) -> Any:
        return self._value(content, {**context, **self.task.dag.user_defined_macros}, context)

    def _value(self, value: Any, names: dict[str, Any], context: Any) -> Any:
        if isinstance(value, Resolvable):
            return value.resolve(context)
        if isinstance(value, str):
            return self._text(self._file(value), names)
        if isinstance(value, list):
            return [self._value(item, names, context) for item in value]
        if type(value) is tuple:
            return tuple(self._value(item, names, context) for item in value)
        if isinstance(value, set):
            return {self._value(item, names, context) for item in value}
        if isinstance(value, dict):
            return {key: self._value(item, names, context) for key, item in value.items()}
        return value

    def _file(self, value: str) -> str:
        """A value that ends like a template file (`run.sh`) is the name of one."""
        if not value.endswith(tuple(self.task.template_ext) or ("\0",)):
            return value
        for folder in self.folders:
            path = Path(folder, value)
            if path.is_file():
                return path.read_text(encoding="utf-8")
        raise AirflowException(
            f"template file {value!r} of task {self.task.task_id!r} is in none of {', '.join(self.folders)}; "
            "to run a script by path, add a space after its name"
        )

    def _text(self, text: str, names: dict[str, Any]) -> Any:
        if "{{" not in text and "{%" not in text and "{#" not in text:
            return text
        if self.environment is None:
            from mainspring.airflow.expressions import render

            return render(text, names, self.filters, self.native)
        return self.environment.from_string(text).render(names)


def _jinja_environment(dag: Any, folders: Iterable[str], filters: dict[str, Any], native: bool) -> Any:
    try:
        import jinja2
        import jinja2.nativetypes
    except ImportError:
        return None
    options = {
        "loader": jinja2.FileSystemLoader(list(folders)),
        "undefined": dag.template_undefined or jinja2.StrictUndefined,
        "extensions": ["jinja2.ext.do"],
        "cache_size": 0,
        **dag.jinja_environment_kwargs,
    }
    environment = (jinja2.nativetypes.NativeEnvironment if native else jinja2.Environment)(**options)
    environment.filters.update(filters)
    return environment
