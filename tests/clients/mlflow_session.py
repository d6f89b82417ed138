"""A whole session of an unmodified MLflow client against the server at MLFLOW_TRACKING_URI.

Runs with mlflow 2.22 and 3.x; needs scikit-learn and pandas beside it. Ends with exit code 0 only
if everything came out as with MLflow's own server.
"""

import math
import os
import sys
import tempfile
import time
import uuid
from pathlib import Path

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LogisticRegression

MAJOR = int(mlflow.__version__.split(".")[0])
SUFFIX = uuid.uuid4().hex[:8]
EXPERIMENT = f"session-{SUFFIX}"
MODEL = f"model-{SUFFIX}"
client = MlflowClient()
steps = []


def step(function):
    """Collects the steps in the order in which they are written."""
    steps.append(function)
    return function


def refused(code, part, function, *args, **kwargs):
    """Asserts that a call is refused with a code and a message."""
    try:
        function(*args, **kwargs)
    except MlflowException as error:
        assert error.error_code == code, (error.error_code, str(error))
        assert part in str(error), str(error)
    else:
        raise AssertionError(f"{function} was not refused")


def train():
    frame = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "y": [0.0, 1.0, 0.0, 1.0]})
    return LogisticRegression().fit(frame, [0, 0, 1, 1]), frame


def log_model(model, frame):
    name = {"name": "model"} if MAJOR >= 3 else {"artifact_path": "model"}
    example = frame.head(2)
    return mlflow.sklearn.log_model(model, input_example=example, serialization_format="cloudpickle", **name)


state = {}


@step
def experiment():
    assert client.get_experiment_by_name(EXPERIMENT) is None
    mlflow.set_experiment(EXPERIMENT)
    found = client.get_experiment_by_name(EXPERIMENT)
    assert found.artifact_location == f"mlflow-artifacts:/{found.experiment_id}"
    assert found.lifecycle_stage == "active" and found.creation_time > 0
    client.set_experiment_tag(found.experiment_id, "team", "flights")
    assert client.get_experiment(found.experiment_id).tags["team"] == "flights"
    refused("RESOURCE_ALREADY_EXISTS", "already exists", client.create_experiment, EXPERIMENT)
    refused("RESOURCE_DOES_NOT_EXIST", "No Experiment with id=987654", client.get_experiment, "987654")
    state["experiment"] = found.experiment_id


@step
def run_with_model():
    model, frame = train()
    with mlflow.start_run(run_name="first", tags={"kind": "test"}, description="a note") as run:
        mlflow.log_param("depth", 3)
        mlflow.log_params({"rate": 0.1, "long": "x" * 6001})
        for number in range(5):
            mlflow.log_metric("loss", 1.0 / (number + 1), step=number)
        mlflow.log_metrics({"auc": 0.75, "odd": float("nan"), "much": float("inf")}, step=1)
        mlflow.set_tags({"a": "1", "b/c": "2"})
        mlflow.log_text("hello", "dir/a.txt")
        mlflow.log_dict({"k": [1, 2]}, "d.json")
        mlflow.log_table({"c": [1, 2]}, "table.json")
        dataset = mlflow.data.from_pandas(frame, name="train", targets=None)
        mlflow.log_input(dataset, context="training")
        state["info"] = log_model(model, frame)
    state["run"] = run.info.run_id
    run = client.get_run(run.info.run_id)
    assert run.info.status == "FINISHED" and run.info.run_name == "first"
    assert run.info.end_time >= run.info.start_time
    assert run.data.tags["mlflow.runName"] == "first" and run.data.tags["mlflow.note.content"] == "a note"
    assert run.data.params["depth"] == "3" and len(run.data.params["long"]) == 6000
    assert run.data.metrics["loss"] == 0.2 and run.data.metrics["auc"] == 0.75
    assert math.isnan(run.data.metrics["odd"])
    assert run.data.metrics["much"] == sys.float_info.max
    [read] = run.inputs.dataset_inputs
    assert read.dataset.name == "train" and read.tags[0].value == "training"
    history = client.get_metric_history(state["run"], "loss")
    assert [point.step for point in history] == [0, 1, 2, 3, 4]
    if MAJOR >= 3:
        assert len(run.outputs.model_outputs) == 1
    else:
        assert "flavors" in run.data.tags["mlflow.log-model.history"]


@step
def artifacts():
    names = {item.path: item for item in client.list_artifacts(state["run"])}
    assert {"dir", "d.json", "table.json"} <= set(names), names
    assert names["dir"].is_dir and names["d.json"].file_size == len('{\n  "k": [\n    1,\n    2\n  ]\n}')
    [inner] = client.list_artifacts(state["run"], "dir")
    assert inner.path == "dir/a.txt" and inner.file_size == 5
    uri = client.get_run(state["run"]).info.artifact_uri
    assert mlflow.artifacts.load_text(f"{uri}/dir/a.txt") == "hello"
    with tempfile.TemporaryDirectory() as folder:
        big = Path(folder, "big file ü.bin")
        big.write_bytes(os.urandom(3_000_000))
        client.log_artifact(state["run"], big, "more")
        fetched = client.download_artifacts(state["run"], "more", folder)
        assert Path(fetched, big.name).read_bytes() == big.read_bytes()


@step
def rules():
    refused(
        "INVALID_PARAMETER_VALUE", "Changing param values is not allowed", client.log_param, state["run"], "depth", 4
    )
    client.log_param(state["run"], "depth", 3)
    refused("RESOURCE_DOES_NOT_EXIST", "Run with id=bad not found", client.get_run, "bad")
    refused("RESOURCE_DOES_NOT_EXIST", "No tag with name", client.delete_tag, state["run"], "nope")
    client.delete_tag(state["run"], "a")
    assert "a" not in client.get_run(state["run"]).data.tags
    client.delete_run(state["run"])
    refused("INVALID_PARAMETER_VALUE", "must be in the 'active' state", client.log_metric, state["run"], "m", 1)
    client.restore_run(state["run"])
    client.log_metric(state["run"], "m", 1)
    with mlflow.start_run(run_id=state["run"]):
        mlflow.log_metric("resumed", 1)
    with mlflow.start_run():
        with mlflow.start_run(nested=True) as inner:
            pass
    assert "mlflow.parentRunId" in client.get_run(inner.info.run_id).data.tags


@step
def autolog():
    _, frame = train()
    mlflow.sklearn.autolog()
    try:
        with mlflow.start_run() as run:
            LogisticRegression().fit(frame, [0, 0, 1, 1])
    finally:
        mlflow.sklearn.autolog(disable=True)
    run = client.get_run(run.info.run_id)
    assert run.data.params["penalty"] is not None and "training_score" in run.data.metrics


@step
def registry():
    version = mlflow.register_model(f"runs:/{state['run']}/model", MODEL)
    assert (version.version, version.status, version.current_stage) == ("1", "READY", "None") or (
        int(version.version),
        version.status,
    ) == (1, "READY")
    assert version.run_id == state["run"]
    again = mlflow.register_model(f"runs:/{state['run']}/model", MODEL, tags={"k": "v"})
    assert int(again.version) == 2 and again.tags == {"k": "v"}
    moved = client.transition_model_version_stage(MODEL, "1", "Production")
    assert moved.current_stage == "Production" and moved.last_updated_timestamp >= version.last_updated_timestamp
    moved = client.transition_model_version_stage(MODEL, "2", "production", archive_existing_versions=True)
    assert client.get_model_version(MODEL, "1").current_stage == "Archived"
    client.set_registered_model_alias(MODEL, "champion", "2")
    assert client.get_model_version_by_alias(MODEL, "champion").aliases == ["champion"]
    assert client.get_registered_model(MODEL).aliases in ({"champion": "2"}, {"champion": 2})
    client.update_model_version(MODEL, "2", description="better")
    client.set_model_version_tag(MODEL, "2", "checked", "yes")
    client.delete_model_version_tag(MODEL, "2", "k")
    version = client.get_model_version(MODEL, "2")
    assert version.description == "better" and version.tags == {"checked": "yes"}
    latest = {v.current_stage: int(v.version) for v in client.get_latest_versions(MODEL)}
    assert latest == {"Archived": 1, "Production": 2}
    refused("INVALID_PARAMETER_VALUE", "alias nope not found", client.get_model_version_by_alias, MODEL, "nope")
    refused("RESOURCE_DOES_NOT_EXIST", "Registered Model with name=no not found", client.get_registered_model, "no")
    refused("RESOURCE_DOES_NOT_EXIST", "version=77) not found", client.get_model_version, MODEL, "77")
    refused("RESOURCE_ALREADY_EXISTS", "already exists", client.create_registered_model, MODEL)
    refused(
        "INVALID_PARAMETER_VALUE", "Invalid model version source", client.create_model_version, MODEL, "/etc/passwd"
    )


@step
def loading():
    frame = pd.DataFrame({"x": [0.0, 3.0], "y": [0.0, 1.0]})
    expected = [0, 1]
    uris = [f"models:/{MODEL}@champion", f"models:/{MODEL}/Production", f"models:/{MODEL}/1"]
    uris += [f"runs:/{state['run']}/model", state["info"].model_uri]
    for uri in uris:
        assert list(mlflow.sklearn.load_model(uri).predict(frame)) == expected, uri
    assert list(mlflow.pyfunc.load_model(uris[0]).predict(frame)) == expected


@step
def search():
    runs = client.search_runs([state["experiment"]], "metrics.auc > 0.5 and params.depth = '3'")
    assert [run.info.run_id for run in runs] == [state["run"]]
    assert client.search_runs([state["experiment"]], "metrics.auc > 0.8") == []
    runs = client.search_runs([state["experiment"]], "tags.kind LIKE 't_st' AND attributes.status = 'FINISHED'")
    assert len(runs) == 1
    runs = client.search_runs([state["experiment"]], order_by=["metrics.loss DESC"])
    assert runs[0].info.run_id == state["run"] and len(runs) == 4
    page = client.search_runs([state["experiment"]], max_results=3)
    assert len(page) == 3 and page.token
    rest = client.search_runs([state["experiment"]], max_results=3, page_token=page.token)
    assert len(rest) == 1 and not rest.token
    frame = mlflow.search_runs(experiment_names=[EXPERIMENT])
    assert len(frame) == 4 and "metrics.auc" in frame
    assert [e.name for e in client.search_experiments(filter_string=f"name = '{EXPERIMENT}'")] == [EXPERIMENT]
    [model] = client.search_registered_models(f"name = '{MODEL}'")
    assert {int(v.version) for v in model.latest_versions} == {1, 2}
    assert len(client.search_model_versions(f"name = '{MODEL}'")) == 2
    [version] = client.search_model_versions(f"name = '{MODEL}' and tags.checked = 'yes'")
    assert int(version.version) == 2
    refused(
        "INVALID_PARAMETER_VALUE", "Invalid entity type 'foo'", client.search_runs, [state["experiment"]], "foo.x = 1"
    )
    refused(
        "INVALID_PARAMETER_VALUE",
        "Invalid value 60000 for parameter 'max_results'",
        client.search_runs,
        [state["experiment"]],
        max_results=60000,
    )


@step
def logged_models():
    if MAJOR < 3:
        return
    found = mlflow.search_logged_models(
        experiment_ids=[state["experiment"]], filter_string="name = 'model'", output_format="list"
    )
    assert state["info"].model_id in {model.model_id for model in found}
    client.set_logged_model_tags(state["info"].model_id, {"x": "y"})
    mlflow.log_metric("of_model", 0.5, run_id=state["run"], model_id=state["info"].model_id)
    model = mlflow.get_logged_model(state["info"].model_id)
    assert model.tags["x"] == "y" and model.status == "READY"
    assert "of_model" in {metric.key for metric in model.metrics}


@step
def prompts():
    if MAJOR < 3:
        return
    name = f"prompt-{SUFFIX}"
    uri = f"prompts:/{name}"
    first = mlflow.genai.register_prompt(name=name, template="Hello {{name}}", commit_message="first")
    second = mlflow.genai.register_prompt(name=name, template="Hi {{name}}", tags={"team": "ml"})
    assert (first.version, second.version) == (1, 2)
    assert mlflow.genai.load_prompt(f"{uri}/1").template == "Hello {{name}}"
    assert mlflow.genai.load_prompt(f"{uri}/1").format(name="you") == "Hello you"
    mlflow.genai.set_prompt_alias(name, alias="best", version=2)
    assert mlflow.genai.load_prompt(f"{uri}@best").version == 2
    mlflow.genai.delete_prompt_alias(name, alias="best")
    chat = [{"role": "user", "content": "{{question}}"}]
    mlflow.genai.register_prompt(name=f"{name}-chat", template=chat)
    assert mlflow.genai.load_prompt(f"prompts:/{name}-chat/1").template == chat
    found = {prompt.name for prompt in mlflow.genai.search_prompts(filter_string=f"name LIKE '{name}%'")}
    assert found == {name, f"{name}-chat"}, found
    assert name not in {model.name for model in client.search_registered_models()}
    client.set_prompt_tag(name, "owner", "ada")
    client.set_prompt_version_tag(name, "1", "k", "v")
    assert client.get_prompt(name).tags["owner"] == "ada"
    assert client.get_prompt_version(name, "1").tags["k"] == "v"
    client.delete_prompt_tag(name, "owner")
    client.delete_prompt_version(name, "1")
    client.delete_prompt(name)
    assert name not in {prompt.name for prompt in mlflow.genai.search_prompts()}


@step
def copies():
    if MAJOR < 3:
        return
    name = f"{MODEL}-copied"
    version = mlflow.register_model(state["info"].model_uri, name)
    copy = client.copy_model_version(f"models:/{name}/{version.version}", f"{name}-again")
    assert (copy.version, copy.run_id) == ("1", version.run_id)
    assert copy.source == f"models:/{name}/{version.version}"
    mlflow.pyfunc.load_model(f"models:/{name}-again/1")
    copy = client.copy_model_version(f"models:/{name}-again/1", f"{name}-third")
    assert copy.source == f"models:/{name}-again/1"


@step
def evaluation_datasets():
    if MAJOR < 3:
        return
    from mlflow.genai.datasets import create_dataset, get_dataset

    dataset = create_dataset(name=f"eval-{SUFFIX}", experiment_id=[state["experiment"]], tags={"a": "b"})
    records = [
        {"inputs": {"question": f"q{number}"}, "expectations": {"answer": number}, "tags": {"n": str(number)}}
        for number in range(3)
    ]
    dataset.merge_records(records)
    dataset.merge_records([{"inputs": {"question": "q0"}, "expectations": {"more": "x"}}])
    read = get_dataset(dataset_id=dataset.dataset_id)
    rows = read.to_df().to_dict("records")
    assert len(rows) == 3, rows
    zero = next(row for row in rows if row["inputs"] == {"question": "q0"})
    assert zero["expectations"] == {"answer": 0, "more": "x"}
    assert read.delete_records([zero["dataset_record_id"]]) == 1
    client.delete_dataset(dataset.dataset_id)


@step
def end():
    client.rename_registered_model(MODEL, MODEL + "-new")
    client.delete_registered_model_alias(MODEL + "-new", "champion")
    client.delete_model_version(MODEL + "-new", "1")
    client.delete_registered_model(MODEL + "-new")
    client.delete_experiment(state["experiment"])
    assert client.get_run(state["run"]).info.lifecycle_stage == "deleted"
    client.restore_experiment(state["experiment"])
    assert client.get_run(state["run"]).info.lifecycle_stage == "active"


def main():
    print(f"mlflow {mlflow.__version__} against {mlflow.get_tracking_uri()}")
    for function in steps:
        begun = time.monotonic()
        function()
        print(f"  {function.__name__}: {time.monotonic() - begun:.2f} s", flush=True)


if __name__ == "__main__":
    main()
