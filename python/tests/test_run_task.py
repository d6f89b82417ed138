"""Attempts: outcomes, XComs, templates, skips."""

import pytest
from test_parse_dag import body

from mainspring.xcoms import LIMIT

PYTHON = "from airflow.operators.python import PythonOperator as P\nfrom airflow.exceptions import AirflowSkipException, AirflowFailException\n"
BASH = "from airflow.operators.bash import BashOperator as B"


def python_task(project, source: str, **context):
    """Run a function `f` written in `source`."""
    project.write(body("P(task_id='t', python_callable=f)", PYTHON + source))
    return project.run("t", **context)


def test_a_result_is_pushed(project):
    outcome = python_task(project, "def f():\n    print('working')\n    return {'rows': (1, 2.5, None)}")
    assert outcome == {
        "version": 1,
        "state": "success",
        "error": None,
        "xcoms": {"return_value": {"rows": [1, 2.5, None]}},
        "skip": [],
    }
    assert "working" in project.log


@pytest.mark.parametrize(
    ("source", "state", "kind"),
    [
        ("def f(): raise ValueError('no rows')", "failed", "ValueError"),
        ("def f(): raise AirflowFailException('hopeless')", "failed_no_retry", "AirflowFailException"),
        ("def f(): raise AirflowSkipException('nothing new')", "skipped", "AirflowSkipException"),
        ("def f(): exit(3)", "failed", "SystemExit"),
    ],
)
def test_how_a_task_ends(project, source, state, kind):
    outcome = python_task(project, source)
    assert (outcome["state"], outcome["error"]["type"]) == (state, kind)
    assert kind in outcome["error"]["traceback"]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (
            "{'a': [__import__('datetime').datetime.now()]}",
            "XCom 'return_value' of task 't'['a'][0] is of type datetime.datetime",
        ),
        ("float('nan')", "nan, which JSON cannot hold"),
        ("{1: 2}", "the key 1 of type int"),
        (f"'x' * {LIMIT}", "write a file and push its path"),
    ],
)
def test_an_xcom_that_is_not_json_fails_the_task(project, expression, message):
    outcome = python_task(project, f"def f(): return {expression}")
    assert outcome["state"] == "failed" and outcome["xcoms"] == {}
    assert message in outcome["error"]["message"]


def test_context_by_name_and_as_a_whole(project):
    outcome = python_task(
        project,
        "def f(ds, ti, params, dag_run, **context):\n"
        "    ti.xcom_push(key='k', value=context['data_interval_end'].isoformat())\n"
        "    return [ds, ti.try_number, params['n'], dag_run.conf['n'], context['run_id'], ti.xcom_pull(task_ids='up')]",
        conf={"n": 5},
        xcoms={"up": {"return_value": "from up"}},
        try_number=2,
    )
    assert outcome["xcoms"] == {
        "k": "2026-01-02T00:00:00+00:00",
        "return_value": ["2026-01-01", 2, 5, 5, "manual__2026-01-01", "from up"],
    }


def test_pushes_before_a_failure_are_kept(project):
    outcome = python_task(project, "def f(ti):\n    ti.xcom_push('k', 1)\n    raise ValueError")
    assert outcome["state"] == "failed" and outcome["xcoms"] == {"k": 1}


def test_the_task_runs_in_the_project_under_the_name_of_its_file(project):
    outcome = python_task(project, "import os, sys\ndef f(): return [os.getcwd(), sys.argv]")
    assert outcome["xcoms"]["return_value"] == [str(project.folder), [str(project.dag_file)]]


def test_params_are_checked(project):
    project.write(
        """
        from airflow import DAG
        from airflow.models.param import Param
        from airflow.operators.empty import EmptyOperator
        with DAG('d', schedule=None, params={'n': Param(1, type='integer', maximum=9)}):
            EmptyOperator(task_id='t')
        """
    )
    assert project.run("t")["state"] == "success"
    assert "outside of" in project.run("t", conf={"n": 10})["error"]["message"]
    assert "must be of type integer" in project.run("t", params={"n": "x"})["error"]["message"]


def test_taskflow_values_arrive(project):
    project.write(
        """
        from airflow.decorators import dag, task
        @dag(schedule=None)
        def d(n=3):
            @task
            def make() -> dict: return {'a': 1, 'b': 2}
            @task
            def add(x, y, n, ds=None): return [x['a'] + y, n, ds]
            made = make()
            add(made, made['b'], n)
        d()
        """
    )
    assert project.run("make")["xcoms"] == {"a": 1, "b": 2, "return_value": {"a": 1, "b": 2}}
    outcome = project.run("add", xcoms={"make": {"a": 1, "b": 2, "return_value": {"a": 1, "b": 2}}}, conf={"n": 7})
    assert outcome["xcoms"]["return_value"] == [3, 7, "2026-01-01"]


@pytest.mark.parametrize(
    ("command", "state", "value"),
    [
        ("echo one; echo two >&2", "success", "two"),
        ("echo $AIRFLOW_CTX_TASK_ID in $(basename $PWD)", "success", None),
        ("exit 99", "skipped", None),
        ("echo broken; exit 7", "failed", None),
    ],
)
def test_bash(project, command, state, value):
    project.write(body(f"B(task_id='t', bash_command={command!r})", BASH))
    outcome = project.run("t")
    assert outcome["state"] == state
    if value:
        assert outcome["xcoms"]["return_value"] == value
    if state == "failed":
        assert outcome["error"]["message"] == "bash ended with exit code 7; last line: broken"


def test_bash_environment(project):
    code = "B(task_id='own', bash_command='echo $A$OUTSIDE', env={'A': '{{ ds }}'})\n"
    code += "B(task_id='both', bash_command='echo $A$OUTSIDE', env={'A': 'a'}, append_env=True)"
    project.write(body(code, BASH))
    assert project.run("own", env={"OUTSIDE": "!"})["xcoms"]["return_value"] == "2026-01-01"
    assert project.run("both", env={"OUTSIDE": "!"})["xcoms"]["return_value"] == "a!"


def test_a_script_file_is_a_template(project):
    (project.dag_file.parent / "go.sh").write_text("echo {{ run_id }}\n")
    project.write(body("B(task_id='t', bash_command='go.sh')\nB(task_id='u', bash_command='gone.sh')", BASH))
    assert project.run("t")["xcoms"]["return_value"] == "manual__2026-01-01"
    assert "add a space after its name" in project.run("u")["error"]["message"]


BRANCHES = """
branch = BranchPythonOperator(task_id='branch', python_callable=lambda dag_run: dag_run.conf.get('to'))
left, right, join, after = (E(task_id=n) for n in ('left', 'right', 'join', 'after'))
with TaskGroup('group') as group:
    E(task_id='first') >> E(task_id='second')
branch >> [left, right, join, group]
left >> join >> after
stop = ShortCircuitOperator(task_id='stop', python_callable=lambda: 0)
near = ShortCircuitOperator(task_id='near', python_callable=lambda: 0, ignore_downstream_trigger_rules=False)
go = ShortCircuitOperator(task_id='go', python_callable=lambda: 1)
[stop, near, go] >> left
"""


@pytest.mark.parametrize(
    ("task", "to", "skip"),
    [
        ("branch", "left", ["group.first", "right"]),
        ("branch", ["left", "right"], ["group.first"]),
        ("branch", "group", ["join", "left", "right"]),
        ("branch", None, ["group.first", "join", "left", "right"]),
        ("stop", None, ["after", "join", "left"]),
        ("near", None, ["left"]),
        ("go", None, []),
    ],
)
def test_branches_and_short_circuits(project, task, to, skip):
    head = "from airflow.operators.python import BranchPythonOperator, ShortCircuitOperator\nfrom airflow.utils.task_group import TaskGroup"
    project.write(body(BRANCHES, head))
    outcome = project.run(task, conf={"to": to})
    assert (outcome["state"], outcome["skip"]) == ("success", skip)


def test_a_branch_to_nowhere_fails(project):
    project.write(
        body(
            BRANCHES,
            "from airflow.operators.python import BranchPythonOperator, ShortCircuitOperator\nfrom airflow.utils.task_group import TaskGroup",
        )
    )
    outcome = project.run("branch", conf={"to": "up"})
    assert outcome["state"] == "failed" and outcome["skip"] == []
    assert "chose 'up', which DAG 'd' does not have" in outcome["error"]["message"]


@pytest.mark.parametrize(("run_type", "skip"), [("manual", []), ("scheduled", ["next"])])
def test_latest_only(project, run_type, skip):
    project.write(
        body("L(task_id='t') >> E(task_id='next')", "from airflow.operators.latest_only import LatestOnlyOperator as L")
    )
    old = {"data_interval_start": "2020-01-01T00:00:00Z", "data_interval_end": "2020-01-02T00:00:00Z"}
    assert project.run("t", run_type=run_type, **old)["skip"] == skip


def test_callbacks_hear_the_end_and_cannot_change_it(project):
    project.write(
        body(
            "P(task_id='t', python_callable=lambda: 1 / 0, on_failure_callback=say('failure'), on_retry_callback=say('retry'))",
            PYTHON
            + "def say(kind):\n    def heard(context):\n        print('heard', kind, context['exception'])\n        raise OSError\n    return heard",
        )
    )
    assert project.run("t", try_number=1, max_tries=1)["error"]["type"] == "ZeroDivisionError"
    assert "heard retry ZeroDivisionError" in project.log
    project.run("t", try_number=2, max_tries=1)
    assert "heard failure ZeroDivisionError" in project.log


def test_variables_come_from_the_environment(project):
    source = "from airflow.models import Variable\ndef f(var): return [Variable.get('city'), Variable.get('no', default_var=0), var.value.city]"
    assert python_task(project, source, env={"AIRFLOW_VAR_CITY": "Ulm"})["xcoms"]["return_value"] == ["Ulm", 0, "Ulm"]
    assert "set AIRFLOW_VAR_CITY" in python_task(project, source)["error"]["message"]


def test_a_task_that_is_gone(project):
    project.write(body("E(task_id='a')"))
    assert "has no task 't'; it has a" in project.run("t")["error"]["message"]
    assert "no longer defines DAG 'x'; it defines d" in project.run("a", dag_id="x")["error"]["message"]
