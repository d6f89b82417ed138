"""What cannot be read is refused with the line and what to do."""

import pytest
from test_parse_dag import body

CASES = {
    "syntax": ("x = (\n", "SyntaxError", "never closed", 1),
    "raises": ("a = 1\nraise ValueError('no disk')\n", "ValueError", "no disk", 2),
    "exits": ("import sys\nsys.exit(3)\n", "SystemExit", "sys.exit(3)", 2),
    "no DAG": ("x = 1\n", "AirflowException", "defines no DAG", None),
    "cycle": (
        body("a, b, c = (E(task_id=n) for n in 'abc')\na >> b >> c >> a"),
        "AirflowDagCycleException",
        "a -> b -> c -> a",
        6,
    ),
    "self cycle": (body("a = E(task_id='a')\na >> a"), "AirflowDagCycleException", "a -> a", 6),
    "duplicate task": (body("E(task_id='a')\nE(task_id='a')"), "DuplicateTaskIdFound", "'a' already (line 6)", 7),
    "duplicate DAG": (body("E(task_id='a')") + "DAG('d', schedule=None)\n", "DuplicateTaskIdFound", "lines 5 and 7", 7),
    "bad task id": (body("E(task_id='a b')"), "AirflowException", "letters, digits", 6),
    "bad trigger rule": (body("E(task_id='a', trigger_rule='any')"), "AirflowException", "one of all_success", 6),
    "bad schedule": (
        "from airflow import DAG\nDAG('d', schedule='every day')\n",
        "AirflowException",
        "cron expression of five fields",
        2,
    ),
    "no start date": ("from airflow import DAG\nDAG('d', schedule='@daily')\n", "AirflowException", "no start_date", 2),
    "bad retries": (body("E(task_id='a', retries=-1)"), "AirflowException", "retries must be", 6),
    "positional": (body("E('a')"), "AirflowException", "keyword arguments only", 6),
    "no DAG around": (
        "from airflow.operators.empty import EmptyOperator as E\nE(task_id='a') >> E(task_id='b')\n",
        "AirflowException",
        "defines no DAG",
        None,
    ),
    "a function as dependency": (body("E(task_id='a') >> print"), "AirflowException", "needs @task", 6),
    "params not JSON": (
        "from airflow import DAG\nDAG('d', schedule=None, params={'x': object()})\n",
        "TypeError",
        "must be JSON values",
        None,
    ),
}

UNSUPPORTED = {
    "sensor": ("from airflow.sensors.filesystem import FileSensor\n", "FileSensor", 1),
    "operator": ("from airflow.providers.docker.operators.docker import DockerOperator\n", "DockerOperator", 1),
    "hook": ("from airflow.hooks.base import BaseHook\n", "BaseHook", 1),
    "dataset": ("from airflow.datasets import Dataset\n", "Dataset", 1),
    "asset": ("import airflow.sdk\nairflow.sdk.Asset('x')\n", "Asset", 2),
    "asset schedule": ("from airflow import DAG\nDAG('d', schedule=['x'])\n", "schedule of datasets", 2),
    "continuous": ("from airflow import DAG\nDAG('d', schedule='@continuous')\n", "@continuous", 2),
    "expand": (body("task(print).expand(x=[1])", "from airflow.decorators import task"), "mapping", 6),
    "partial": (body("E.partial(task_id='a')"), "mapping", 6),
    "map": (body("E(task_id='a').output.map(print)"), "mapping", 6),
    "setup": ("from airflow.decorators import setup\n\n@setup\ndef f(): ...\n", "@setup", 3),
    "teardown": (body("E(task_id='a').as_teardown()"), "as_teardown", 6),
    "task kind": ("from airflow.decorators import task\n@task.virtualenv\ndef f(): ...\n", "@task.virtualenv", 2),
    "operator argument": (body("E(task_id='a', outlets=['x'])"), "'outlets'", 6),
    "DAG argument": ("from airflow import DAG\nDAG('d', schedule=None, fail_fast=True)\n", "'fail_fast'", 2),
}


@pytest.mark.parametrize("case", CASES)
def test_mistakes(project, case):
    source, kind, message, line = CASES[case]
    error = project.write(source).error()
    assert (error["type"], error["line"]) == (kind, line)
    assert message in error["message"]
    assert error["traceback"]


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_unsupported_features_are_named_with_their_line(project, case):
    source, feature, line = UNSUPPORTED[case]
    error = project.write(source).error()
    assert (error["type"], error["line"]) == ("UnsupportedFeature", line)
    assert feature in error["message"] and "not supported by Mainspring" in error["message"]


def test_the_shell_sees_file_and_line(project):
    project.write("raise ValueError('no disk')\n").parse()
    assert f"{project.dag_file}:1: ValueError: no disk" in project.log
