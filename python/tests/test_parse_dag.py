"""DAG files as JSON: graphs, schedules, arguments."""

import pytest

HEAD = "from airflow import DAG\nfrom airflow.operators.empty import EmptyOperator as E\nfrom datetime import datetime, timedelta\n"


def body(code: str, head: str = "") -> str:
    lines = "\n".join("    " + line for line in code.strip().splitlines())
    return f"{HEAD}{head}\nwith DAG('d', schedule=None) as dag:\n{lines}\n"


def test_the_common_style(project):
    project.write(
        """
        from datetime import datetime, timedelta
        from airflow import DAG
        from airflow.operators.bash_operator import BashOperator
        from airflow.operators.python import PythonOperator

        with DAG(
            'd',
            schedule_interval='@daily',
            start_date=datetime(2013, 1, 1),
            catchup=False,
            max_active_runs=1,
            dagrun_timeout=timedelta(hours=2),
            tags=['b', 'a'],
            params={'n': 3},
            default_args={'owner': 'me', 'retries': 2, 'retry_delay': timedelta(seconds=5)},
        ) as dag:
            a = BashOperator(task_id='a', bash_command='true')
            b = PythonOperator(task_id='b', python_callable=print, retries=0, execution_timeout=timedelta(minutes=1))
            a >> b
        """
    )
    dag = project.dag()
    tasks = dag.pop("tasks")
    assert dag == {
        "dag_id": "d",
        "description": None,
        "schedule": {"kind": "cron", "expression": "0 0 * * *"},
        "start_date": "2013-01-01T00:00:00Z",
        "end_date": None,
        "catchup": False,
        "max_active_runs": 1,
        "max_active_tasks": 16,
        "dagrun_timeout_seconds": 7200.0,
        "timezone": "UTC",
        "tags": ["a", "b"],
        "params": {"n": 3},
        "doc_md": None,
    }
    assert tasks[0] == {
        "task_id": "a",
        "operator": "BashOperator",
        "upstream": [],
        "trigger_rule": "all_success",
        "retries": 2,
        "retry_delay_seconds": 5.0,
        "retry_exponential_backoff": False,
        "max_retry_delay_seconds": None,
        "execution_timeout_seconds": None,
        "depends_on_past": False,
        "priority_weight": 1,
        "pool": "default_pool",
        "line": 17,
    }
    assert tasks[1]["upstream"] == ["a"]
    assert (tasks[1]["retries"], tasks[1]["execution_timeout_seconds"]) == (0, 60.0)


@pytest.mark.parametrize(
    "path",
    [
        "airflow.operators.python_operator",
        "airflow.operators.python",
        "airflow.providers.standard.operators.python",
    ],
)
def test_import_paths_of_every_version(project, path):
    project.write(body("P(task_id='p', python_callable=print)", f"from {path} import PythonOperator as P"))
    assert project.edges() == {"p": []}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("None", None),
        ("'@once'", {"kind": "once"}),
        ("'@hourly'", {"kind": "cron", "expression": "0 * * * *"}),
        ("'@quarterly'", {"kind": "cron", "expression": "0 0 1 */3 *"}),
        ("'*/5 8-18 * * MON-FRI'", {"kind": "cron", "expression": "*/5 8-18 * * MON-FRI"}),
        ("timedelta(hours=4)", {"kind": "interval", "seconds": 14400.0}),
    ],
)
def test_schedules(project, given, expected):
    project.write(f"{HEAD}DAG('d', start_date=datetime(2020, 1, 1), schedule={given})")
    assert project.dag()["schedule"] == expected


def test_a_time_zone_comes_from_the_start_date(project):
    project.write(
        """
        import pendulum
        from airflow.sdk import DAG
        DAG('d', schedule='0 6 * * *', start_date=pendulum.datetime(2024, 7, 1, tz='Europe/Berlin'))
        """
    )
    dag = project.dag()
    assert (dag["timezone"], dag["start_date"]) == ("Europe/Berlin", "2024-06-30T22:00:00Z")


def test_lists_labels_and_chains(project):
    project.write(
        body(
            """
a, b, c, d, e, f = (E(task_id=n) for n in 'abcdef')
a >> [b, c] >> d
d >> Label('fine') >> e
f << Label('late') << e
chain(a, [b, c], [e, f])
            """,
            "from airflow.utils.edgemodifier import Label\nfrom airflow.models.baseoperator import chain",
        )
    )
    assert project.edges() == {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": ["b", "d"], "f": ["c", "e"]}


def test_groups_prefix_ids_and_stand_for_their_ends(project):
    project.write(
        body(
            """
start, end = E(task_id='start'), E(task_id='end')
with TaskGroup('outer') as outer:
    first = E(task_id='first')
    with TaskGroup('inner') as inner:
        E(task_id='x')
        E(task_id='y')
    first >> inner
with TaskGroup('plain', prefix_group_id=False) as plain:
    E(task_id='z')
start >> outer >> plain >> end
            """,
            "from airflow.utils.task_group import TaskGroup",
        )
    )
    assert project.edges() == {
        "start": [],
        "end": ["z"],
        "outer.first": ["start"],
        "outer.inner.x": ["outer.first"],
        "outer.inner.y": ["outer.first"],
        "z": ["outer.inner.x", "outer.inner.y"],
    }


def test_taskflow_edges_come_from_arguments(project):
    project.write(
        """
        from airflow.decorators import dag, task, task_group
        from airflow.operators.bash import BashOperator

        @dag(dag_id='d', schedule=None)
        def pipeline(n=3):
            @task
            def extract(n):
                return n
            @task(multiple_outputs=True)
            def split(value):
                return {'a': value}
            @task.bash
            def show(values):
                return 'true'
            @task_group
            def pair(value):
                return show.override(task_id='again')([value, {'deep': value}])
            parts = split(extract(n))
            show(parts['a'])
            pair(parts['a'])
            bash = BashOperator(task_id='bash', bash_command='echo {{ ti }}', env={'x': parts['a']})
            extract(bash.output)

        pipeline()
        """
    )
    assert project.edges() == {
        "extract": [],
        "split": ["extract"],
        "show": ["split"],
        "pair.again": ["split"],
        "bash": ["split"],
        "extract__1": ["bash"],
    }
    assert project.dag()["params"] == {"n": 3}


def test_user_operators_and_tasks_without_a_with_block(project):
    project.write(
        """
        from airflow.models import BaseOperator, DAG

        class Copy(BaseOperator):
            template_fields = ('source',)
            def __init__(self, source, **kwargs):
                super().__init__(**kwargs)
                self.source = source
            def execute(self, context):
                return self.source

        dag = DAG('d', schedule=None, default_args={'source': 'from default_args'})
        a = Copy(task_id='a', dag=dag)
        b = Copy(task_id='b', source=a.output, retries=1)
        """
    )
    assert project.edges() == {"a": [], "b": ["a"]}


def test_what_the_file_prints_is_not_mixed_with_the_result(project):
    project.write(body("E(task_id='a')\nprint('{ not json')"))
    assert project.edges() == {"a": []}
    assert "{ not json" in project.log


def test_modules_of_the_project_and_beside_the_file_are_importable(project):
    (project.folder / "shared_code.py").write_text("NAME = 'a'")
    (project.dag_file.parent / "helper.py").write_text("NAME = 'b'")
    project.write(body("E(task_id=shared_code.NAME) >> E(task_id=helper.NAME)", "import shared_code, helper"))
    assert project.edges() == {"a": [], "b": ["a"]}
