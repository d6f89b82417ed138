"""Run one attempt of one task.

    python -m mainspring.run_task ATTEMPT_DIR

Reads ATTEMPT_DIR/context.json, runs the task in the project folder and writes
ATTEMPT_DIR/outcome.json. Output of the task goes to stdout and stderr as it
is. Exit code 0 if the task succeeded or was skipped, 1 if it failed; a process
that ends without outcome.json crashed.
"""

import argparse
import json
import logging
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from mainspring import dag_file
from mainspring.airflow.context import Context
from mainspring.airflow.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from mainspring.airflow.operator import BaseOperator
from mainspring.airflow.templates import Renderer
from mainspring.airflow.xcom_arg import RETURN_KEY
from mainspring.files import write_json
from mainspring.xcoms import checked_xcoms

VERSION = 1

log = logging.getLogger("mainspring.task")


def run(attempt: dict[str, Any]) -> dict[str, Any]:
    """The outcome of an attempt. Only signals end it without one."""
    path = Path(attempt["dag_file"])
    try:
        dags = dag_file.load(path, Path(attempt["project_dir"]))
        dag = dag_file.find(dags, attempt["dag_id"])
        dag.folder = path.parent
        task = dag.get_task(attempt["task_id"])
        context = Context(attempt, task)
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        return _outcome("failed", error)
    return _run_task(task, context)


def _run_task(task: BaseOperator, context: Context) -> dict[str, Any]:
    ti = context["ti"]
    try:
        with context:
            Renderer(task).render_fields(context)
            _execute(task, context)
        outcome = _outcome("success")
    except AirflowSkipException as error:
        log.info("skipped: %s", error)
        outcome = _outcome("skipped", error)
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        outcome = _outcome("failed_no_retry" if isinstance(error, AirflowFailException) else "failed", error)
    try:
        outcome["xcoms"] = checked_xcoms(task.task_id, ti.pushed)
    except AirflowException as error:
        if outcome["state"] == "success":
            log.error("%s", error)
            outcome = _outcome("failed", error)
    if outcome["state"] == "success":
        outcome["skip"] = context.skipped
    _call_back(task, context, outcome)
    return outcome


def _execute(task: BaseOperator, context: Context) -> None:
    _notify(task, "execute", context)
    if task.pre_execute_hook:
        task.pre_execute_hook(context)
    result = task.execute(context)
    if task.post_execute_hook:
        task.post_execute_hook(context, result)
    if not task.do_xcom_push or result is None:
        return
    if task.multiple_outputs:
        if not isinstance(result, dict):
            raise AirflowException(
                f"task {task.task_id!r} has multiple_outputs and must return a dict, not {type(result).__name__}"
            )
        context["ti"].pushed.update(result)
    context["ti"].xcom_push(RETURN_KEY, result)


def _call_back(task: BaseOperator, context: Context, outcome: dict[str, Any]) -> None:
    """Tell the user's callbacks. They cannot change the outcome."""
    ti = context["ti"]
    kind = {"success": "success", "skipped": "skipped", "failed_no_retry": "failure"}.get(outcome["state"])
    if kind is None:
        kind = "retry" if ti.try_number <= ti.max_tries else "failure"
    if outcome["error"]:
        context["exception"] = f"{outcome['error']['type']}: {outcome['error']['message']}"
    try:
        _notify(task, kind, context)
    except Exception:
        log.exception("the on_%s_callback of task %r failed", kind, task.task_id)


def _notify(task: BaseOperator, kind: str, context: Context) -> None:
    callbacks = task.callbacks[kind]
    for callback in callbacks if isinstance(callbacks, list | tuple) else [callbacks]:
        if callback:
            callback(context)


def _outcome(state: str, error: BaseException | None = None) -> dict[str, Any]:
    described = None
    if error is not None:
        described = {
            "type": type(error).__name__,
            "message": str(error) or type(error).__name__,
            "traceback": "".join(traceback.format_exception(error)),
        }
    return {"version": VERSION, "state": state, "error": described, "xcoms": {}, "skip": []}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("attempt_dir", type=Path)
    attempt_dir = parser.parse_args().attempt_dir.resolve()
    attempt = json.loads((attempt_dir / "context.json").read_text(encoding="utf-8"))
    os.chdir(attempt["project_dir"])
    # Libraries that ask which program this is (MLflow's source and Git commit) mean the user's.
    sys.argv = [attempt["dag_file"]]
    sys.stdout.reconfigure(line_buffering=True)
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    outcome = run(attempt)
    sys.stdout.flush()
    sys.stderr.flush()
    write_json(attempt_dir / "outcome.json", outcome)
    return 0 if outcome["state"] in ("success", "skipped") else 1


if __name__ == "__main__":
    sys.exit(main())
