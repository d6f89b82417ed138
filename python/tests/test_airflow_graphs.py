"""The graphs of Airflow's own example DAGs, as real Airflow parses them.

The DAG files are in Airflow's wheels. Point AIRFLOW_2_EXAMPLES and
AIRFLOW_3_EXAMPLES at their `airflow/example_dags` folders:

    pip download --no-deps apache-airflow==2.11.2 apache-airflow-core==3.3.2
    unzip -q 'apache_airflow*.whl' 'airflow/example_dags/*' -d FOLDER
"""

import json
import os
from pathlib import Path

import pytest
from conftest import SHARED, run_module

AT_LEAST = {2: 14, 3: 12}
"""Example DAGs that are within what Mainspring supports."""


@pytest.mark.parametrize("version", [2, 3])
def test_supported_example_dags_have_the_same_edges(version, tmp_path):
    recorded = SHARED / "conformance" / "airflow" / f"edges-{version}.json"
    folder = os.environ.get(f"AIRFLOW_{version}_EXAMPLES")
    if not recorded.exists():
        pytest.skip(f"{recorded} is absent: the recorded graphs are not part of this repository")
    if not folder:
        pytest.skip(
            f"AIRFLOW_{version}_EXAMPLES is unset: see the top of {Path(__file__).name} for how to get the DAG files"
        )
    expected = json.loads(recorded.read_text())
    compared = 0
    for file in sorted({entry["file"] for entry in expected.values()}):
        path = Path(folder, file)
        if not path.exists():
            continue
        out = tmp_path / "out.json"
        run_module("parse_dag", path, "--out", out)
        for dag in json.loads(out.read_text())["dags"]:
            if dag["dag_id"] in expected:
                assert edges(dag) == sorted_edges(expected[dag["dag_id"]]["edges"]), dag["dag_id"]
                compared += 1
    assert compared >= AT_LEAST[version]


def edges(dag: dict) -> dict[str, list[str]]:
    downstream = {task["task_id"]: [] for task in dag["tasks"]}
    for task in dag["tasks"]:
        for upstream in task["upstream"]:
            downstream[upstream].append(task["task_id"])
    return sorted_edges(downstream)


def sorted_edges(downstream: dict[str, list[str]]) -> dict[str, list[str]]:
    return {task: sorted(others) for task, others in downstream.items()}
