"""Template fields, with Jinja2 and with the renderer used where it is missing."""

import datetime

import pytest

from mainspring.airflow import macros
from mainspring.airflow.exceptions import AirflowException
from mainspring.airflow.expressions import render
from mainspring.airflow.templates import FILTERS


class TaskInstance:
    def xcom_pull(self, task_ids, key="return_value"):
        return {"return_value": {"rows": [1, 2]}, "path": "/tmp/x"}[key]


NAMES = {
    "ds": "2026-01-31",
    "ti": TaskInstance(),
    "conf": {"files": ["a.csv", "b.csv"], "none": None},
    "logical_date": datetime.datetime(2026, 1, 31, 6, tzinfo=datetime.UTC),
    "macros": macros,
}

SAME_IN_BOTH = {
    "plain text": "plain text",
    "{{ ds }} and {{ ds }}": "2026-01-31 and 2026-01-31",
    "{{ macros.ds_add(ds, 1) }}": "2026-02-01",
    "{{ macros.ds_format(ds, '%Y-%m-%d', '%d.%m.%y') }}": "31.01.26",
    "{{ conf.files[1] }}/{{ conf['files'][0] }}": "b.csv/a.csv",
    "{{ conf.files | join(' ') }}": "a.csv b.csv",
    "{{ conf.missing | default('x') }}{{ nobody | default(3) }}": "x3",
    "{{ conf.get('missing', 'y') }}": "y",
    "{{ ti.xcom_pull(task_ids='a')['rows'] | tojson }}": "[1, 2]",
    "{{ ti.xcom_pull('a', key='path') }}": "/tmp/x",
    "{{ logical_date.year }} {{ logical_date | ts_nodash }}": "2026 20260131T060000",
    "{{- ds -}}": "2026-01-31",
}


@pytest.mark.parametrize("template", SAME_IN_BOTH)
def test_without_jinja(template):
    assert render(template, NAMES, FILTERS) == SAME_IN_BOTH[template]


@pytest.mark.parametrize("template", SAME_IN_BOTH)
def test_jinja_agrees(template):
    jinja2 = pytest.importorskip("jinja2")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    environment.filters.update(FILTERS)
    assert environment.from_string(template).render(NAMES) == SAME_IN_BOTH[template]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{% if ds %}x{% endif %}", "need Jinja2"),
        ("{{ 1 + 1 }}", "needs Jinja2"),
        ("{{ ds if ds }}", "needs Jinja2"),
        ("{{ ds | upper }}", "filter 'upper' needs Jinja2"),
        ("{{ nobody }}", "'nobody' is undefined"),
        ("{{ conf.missing.deep }}", "'conf.missing' in template expression"),
        ("{{ ds.__class__ }}", "needs Jinja2"),
    ],
)
def test_what_needs_jinja_says_so(template, message):
    with pytest.raises(AirflowException, match=message.replace(".", r"\.")):
        render(template, NAMES, FILTERS)


def test_native_objects():
    assert render("{{ conf.files }}", NAMES, FILTERS, native=True) == ["a.csv", "b.csv"]


MACROS = """
from airflow import DAG
from airflow.operators.python import PythonOperator
with DAG('d', schedule=None, user_defined_macros={'double': lambda x: 2 * x}, user_defined_filters={'loud': str.upper},
         render_template_as_native_obj=NATIVE):
    PythonOperator(task_id='t', python_callable=lambda a, b: [a, b], op_kwargs={'a': '{{ double(21) }}', 'b': ['{{ ds | loud }}']})
"""


@pytest.mark.parametrize("flags", [(), ("-S",)], ids=["jinja", "built in"])
@pytest.mark.parametrize(("native", "answer"), [("False", "42"), ("True", 42)])
def test_macros_and_filters_of_the_dag(project, flags, native, answer):
    project.write(MACROS.replace("NATIVE", native))
    assert project.run("t", flags=flags)["xcoms"]["return_value"][0] == answer
