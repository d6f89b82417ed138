"""Describe the DAGs of a file as JSON.

    python -m mainspring.parse_dag DAGFILE --out OUT.json [--project DIR]

The file is executed. Exit code 0 if it could be read, 1 if OUT.json holds an
error instead of DAGs.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from mainspring import dag_file
from mainspring.airflow.dag import DAG
from mainspring.airflow.operator import BaseOperator
from mainspring.airflow.schedule import as_utc
from mainspring.files import write_json

VERSION = 1


def describe_task(task: BaseOperator) -> dict[str, Any]:
    return {
        "task_id": task.task_id,
        "operator": task.operator_name,
        "upstream": sorted(task.upstream_task_ids),
        "trigger_rule": str(task.trigger_rule),
        "retries": task.retries,
        "retry_delay_seconds": task.retry_delay.total_seconds(),
        "retry_exponential_backoff": task.retry_exponential_backoff,
        "max_retry_delay_seconds": _seconds(task.max_retry_delay),
        "execution_timeout_seconds": _seconds(task.execution_timeout),
        "depends_on_past": task.depends_on_past,
        "priority_weight": task.priority_weight,
        "pool": task.pool,
        "line": task.line,
    }


def describe_dag(dag: DAG) -> dict[str, Any]:
    return {
        "dag_id": dag.dag_id,
        "description": dag.description,
        "schedule": dag.schedule,
        "start_date": as_utc(dag.start_date),
        "end_date": as_utc(dag.end_date),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "max_active_tasks": dag.max_active_tasks,
        "dagrun_timeout_seconds": _seconds(dag.dagrun_timeout),
        "timezone": dag.timezone,
        "tags": dag.tags,
        "params": {name: param.default for name, param in dag.params.items()},
        "doc_md": dag.doc_md,
        "tasks": [describe_task(task) for task in dag.tasks],
    }


def parse(path: Path, project: Path) -> dict[str, Any]:
    try:
        dags = [describe_dag(dag) for dag in dag_file.load(path, project)]
    except (Exception, SystemExit) as error:
        return {"version": VERSION, "file": str(path), "dags": [], "error": dag_file.describe_error(error, path)}
    return {"version": VERSION, "file": str(path), "dags": dags, "error": None}


def _seconds(duration: Any) -> float | None:
    return None if duration is None else duration.total_seconds()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dagfile", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument("--project", type=Path, default=Path.cwd(), help="folder importable from the file")
    options = parser.parse_args()
    result = parse(options.dagfile.resolve(), options.project.resolve())
    try:
        write_json(options.out, result)
    except (TypeError, ValueError) as problem:
        # The only values of users' own making are the defaults of params.
        error = TypeError(f"the defaults of DAG params must be JSON values: {problem}")
        result |= {"dags": [], "error": dag_file.describe_error(error, options.dagfile.resolve())}
        write_json(options.out, result)
    if result["error"]:
        place = f"{options.dagfile}:{result['error']['line']}" if result["error"]["line"] else str(options.dagfile)
        print(f"{place}: {result['error']['type']}: {result['error']['message']}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
