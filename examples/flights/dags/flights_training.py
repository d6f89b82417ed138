"""From newly arrived months to a model in production.

Started when files arrive and when a monitor asks for retraining. What a run
does follows from its configuration:

    files           arrived files, relative to the project: validated and versioned
    train           truthy when a new model is wanted; without it the run ends there
    shuffle_labels  train the worse candidate of the demonstration
    variant         "faulty": build the candidate that fails in production
"""

import re
import shlex
import sys
from datetime import datetime, timedelta
from pathlib import Path

from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator, ShortCircuitOperator

PYTHON = shlex.quote(sys.executable)


def arrived(dag_run):
    """The arrived files as shell words."""
    return shlex.join(dag_run.conf.get("files") or [])


def build_dir(run_id):
    """One folder a run, so that repeated runs do not mix their files."""
    return "build/" + re.sub(r"[^A-Za-z0-9_.-]+", "-", run_id)


def training_wanted(dag_run):
    return bool(dag_run.conf.get("train"))


def train_model(dag_run, run_id, ti):
    from faulty import train_faulty
    from train import train

    build = Path(build_dir(run_id))
    if dag_run.conf.get("variant") == "faulty":
        mlflow_run = train_faulty(build=build)
    else:
        mlflow_run = train(build=build, shuffle_labels=bool(dag_run.conf.get("shuffle_labels")))
    ti.xcom_push(key="heldout", value=str(build / "heldout.csv"))
    ti.xcom_push(key="reference", value=str(build / "reference.csv"))
    return mlflow_run


def evaluate_model(ti):
    from evaluate import evaluate

    heldout = Path(ti.xcom_pull(task_ids="train", key="heldout"))
    return evaluate(ti.xcom_pull(task_ids="train"), heldout)


def register_model(ti):
    from register import register

    return register(ti.xcom_pull(task_ids="train"))


def promote_model(ti):
    from register import promote

    return promote(ti.xcom_pull(task_ids="register"))


with DAG(
    "flights_training",
    description="Validate and version new months; train, test and promote when asked",
    schedule_interval="@daily",
    start_date=datetime(2013, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=5)},
    user_defined_macros={"arrived": arrived, "build_dir": build_dir},
    tags=["flights"],
) as dag:
    # A gate that said no would say no again: gates are not retried.
    validate = BashOperator(
        task_id="validate",
        retries=0,
        bash_command="""
            set -eu -- {{ arrived(dag_run) }}
            if [ $# -eq 0 ]; then echo "no new files"; exit 0; fi
            mainspring validate contracts/flights.odcs.yaml "$@"
        """,
    )

    # A second attempt finds files that the first has moved, and goes on.
    version_data = BashOperator(
        task_id="version_data",
        bash_command="""
            set -eu -- {{ arrived(dag_run) }}
            if [ $# -eq 0 ]; then echo "no new files"; exit 0; fi
            mkdir -p data
            for file in "$@"; do
                name=$(basename -- "$file")
                if [ -e "$file" ]; then mv -f -- "$file" "data/$name"; fi
                mainspring data add "data/$name" --commit -m "Add $name"
            done
            mainspring data push
        """,
    )

    needs_training = ShortCircuitOperator(task_id="needs_training", python_callable=training_wanted)

    feature_tests = BashOperator(
        task_id="feature_tests",
        execution_timeout=timedelta(minutes=5),
        bash_command=PYTHON + " -m pytest -q tests --junitxml={{ build_dir(run_id) }}/features.junit.xml",
    )

    train = PythonOperator(task_id="train", python_callable=train_model, execution_timeout=timedelta(minutes=10))

    evaluate = PythonOperator(task_id="evaluate", python_callable=evaluate_model)

    test_battery = BashOperator(
        task_id="test_battery",
        retries=0,
        bash_command="""
            mainspring test-model \
                --model "runs:/{{ ti.xcom_pull(task_ids='train') }}/model" \
                --data "{{ ti.xcom_pull(task_ids='train', key='heldout') }}" \
                --label late \
                --battery tests/battery.yaml \
                --reference "{{ ti.xcom_pull(task_ids='train', key='reference') }}" \
                --against models:/flights@champion
        """,
    )

    register = PythonOperator(task_id="register", python_callable=register_model)

    # A refusal is an answer, not a hiccup.
    promote = PythonOperator(task_id="promote", python_callable=promote_model, retries=0)

    (
        validate
        >> version_data
        >> needs_training
        >> feature_tests
        >> train
        >> evaluate
        >> test_battery
        >> register
        >> promote
    )
