"""A small Airflow front end: DAG files run with no Airflow installed.

`install()` makes every `import airflow...` of a DAG file answer from here, for
the import paths of Airflow 1.10, 2.x and 3.x alike. What is not supported
raises `UnsupportedFeature` while the file is read; nothing is silently
accepted and then ignored.

Differences from Airflow, each on purpose:

- `catchup` defaults to False, as in Airflow 3 (Airflow 2: True).
- `BashOperator` without `cwd` runs in the project folder, not in a new
  temporary one.
- XComs are JSON: a value of another type fails the task that pushed it.
"""

from mainspring.airflow.imports import install

__all__ = ["install"]
