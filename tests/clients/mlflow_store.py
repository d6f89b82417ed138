"""Makes stores with MLflow itself, and shows the whole content of a store or server as JSON.

    mlflow_store.py make URI              experiments, runs, models and what belongs to them
    mlflow_store.py schema URI NAME       a schema of a PostgreSQL database, for a store
    mlflow_store.py dump URI [OPTION...]  everything that a client can see, in one order

Options of dump, for what differs between kinds of stores and not between their contents:

    --moved      without artifact locations, with the digests of all artifact files in their place
    --nowhere    without artifact locations
    --latest     of what was measured on logged models the latest points only, as servers show it
"""

import hashlib
import json
import math
import os
import sys
import tempfile

os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")

import mlflow  # noqa: E402
from mlflow import MlflowClient, __version__  # noqa: E402
from mlflow.entities import (  # noqa: E402
    Dataset,
    DatasetInput,
    InputTag,
    Metric,
    Param,
    RunTag,
    ViewType,
)

MAJOR = int(__version__.split(".")[0])


def schema(uri, name):
    import psycopg2

    with psycopg2.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute(f'CREATE SCHEMA "{name}"')


def make(uri):
    # Some calls look models up by themselves, and not in the store of this client.
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    client = MlflowClient(uri, uri)
    first = client.create_experiment("first", tags={"team": "a", "note": "two\nlines"})
    client.create_experiment("second/with slash é")
    gone = client.create_experiment("gone")
    client.create_run("0", run_name="in default")
    run = make_run(client, first)
    deleted = client.create_run(first, run_name="deleted run")
    client.log_param(deleted.info.run_id, "p", "1")
    client.delete_run(deleted.info.run_id)
    failed = client.create_run(first, run_name="failed", start_time=1_700_000_000_000)
    client.set_terminated(failed.info.run_id, "FAILED", end_time=1_700_000_001_000)
    client.create_run(first, run_name="still running")
    client.create_run(gone, run_name="in a deleted experiment")
    client.delete_experiment(gone)
    models = make_models(client, run) if MAJOR >= 3 else []
    make_registry(client, run, models)
    if MAJOR >= 3:
        make_trace(client, first)


def make_run(client, experiment):
    run = client.create_run(experiment, run_name="everything", start_time=1_700_000_000_123)
    run_id = run.info.run_id
    points = [Metric("loss", 1.0 / (step + 1), 1_700_000_000_000 + step, step) for step in range(900)]
    client.log_batch(run_id, metrics=points)
    odd = [
        Metric("odd/nested", float("nan"), 1_700_000_000_000, 0),
        Metric("odd/nested", float("inf"), 1_700_000_000_001, 1),
        Metric("odd/nested", float("-inf"), 1_700_000_000_002, 2),
        Metric("odd/nested", float("nan"), 1_700_000_000_003, 3),
        Metric("one step", -0.1, 1_700_000_000_000, -5),
        Metric("one step", 1e-300, 1_700_000_000_001, -5),
    ]
    client.log_batch(run_id, metrics=odd)
    client.log_batch(
        run_id,
        params=[Param("lr", "0.1"), Param("long/text", "x" * 3000), Param("lines", "a\nb\n"), Param("empty", "")],
        tags=[RunTag("mlflow.note.content", "# Note\n\nwith lines"), RunTag("1e5", "12"), RunTag("é", "ü")],
    )
    data = Dataset(name="trips", digest="abc123", source_type="local", source='{"uri": "/data/trips.csv"}',
                   schema='{"mlflow_colspec": []}', profile='{"num_rows": 3}')
    plain = Dataset(name="weather", digest="1e10", source_type="http", source='{"url": "http://x"}')
    client.log_inputs(run_id, [
        DatasetInput(data, [InputTag("mlflow.data.context", "training")]),
        DatasetInput(plain, []),
    ])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "weights file.bin")
        with open(path, "wb") as file:
            file.write(bytes(range(256)) * 2000)
        client.log_artifact(run_id, path, "model/data")
    client.log_text(run_id, "hello é", "notes.txt")
    client.set_terminated(run_id, "FINISHED", end_time=1_700_000_100_000)
    return client.get_run(run_id)


def make_models(client, run):
    from mlflow.entities import LoggedModelInput, LoggedModelOutput

    experiment, run_id = run.info.experiment_id, run.info.run_id
    good = client.create_logged_model(
        experiment, name="tree", source_run_id=run_id, tags={"kind": "small"}, params={"depth": "3"},
        model_type="classifier",
    )
    client.log_model_params(good.model_id, {"more": "params"})
    client.log_model_artifact(good.model_id, __file__)
    client.finalize_logged_model(good.model_id, "READY")
    pending = client.create_logged_model(experiment, name="pending")
    failed = client.create_logged_model(experiment, name="failed")
    client.finalize_logged_model(failed.model_id, "FAILED")
    deleted = client.create_logged_model(experiment, name="deleted")
    client.delete_logged_model(deleted.model_id)
    second = client.create_run(experiment, run_name="evaluates")
    client.log_inputs(second.info.run_id, models=[LoggedModelInput(good.model_id)])
    client.log_outputs(second.info.run_id, [LoggedModelOutput(pending.model_id, 7)])
    for step in range(3):
        # File stores of MLflow's read the steps of such points as 0.
        data = {"dataset_name": "trips", "dataset_digest": "abc123"} if in_database(client) else {}
        client.log_metric(second.info.run_id, "accuracy", 0.5 + step / 10, 1_700_000_000_000 + step, step,
                          model_id=good.model_id, **data)
    client.log_metric(second.info.run_id, "plain", 1.5, 1_700_000_000_000, 0, model_id=good.model_id)
    return [good]


def in_database(client):
    return client.tracking_uri.startswith(("sqlite", "postgresql"))


def make_registry(client, run, models):
    client.create_registered_model("flights", tags={"owner": "me"}, description="A model\nof flights")
    client.create_registered_model("empty")
    # The rule on sources of newer versions: they belong to the run that is named with them.
    source = f"{run.info.artifact_uri}/model"
    client.create_model_version("flights", source, run.info.run_id, tags={"v": "1"}, description="first")
    client.create_model_version("flights", source, run.info.run_id, run_link="http://ci/1")
    client.create_model_version("flights", source, run.info.run_id)
    client.delete_model_version("flights", "2")
    client.transition_model_version_stage("flights", "1", "Production")
    client.transition_model_version_stage("flights", "3", "Staging")
    client.set_registered_model_alias("flights", "champion", "1")
    client.set_registered_model_alias("flights", "next", "3")
    for model in models:
        client.create_model_version("flights", f"models:/{model.model_id}", model_id=model.model_id)
    if hasattr(client, "register_prompt"):
        client.register_prompt("greeting", "Say {{what}}")


def make_trace(client, experiment):
    from mlflow.entities import AssessmentSource, SpanEvent

    os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "false"
    root = client.start_trace("answer", experiment_id=experiment, inputs={"q": 1, "é": [None, 2.5]}, tags={"t": "v"})
    step = client.start_span("ask", root.trace_id, root.span_id, span_type="LLM", inputs=["x"])
    step.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7})
    step.set_attribute("odd", float("nan"))
    step.add_event(SpanEvent("token", attributes={"text": "a", "n": 1}))
    client.end_span(root.trace_id, step.span_id, outputs={"a": 2})
    client.end_trace(root.trace_id, outputs={"a": 2})
    failed = client.start_trace("failed", experiment_id=experiment)
    client.end_trace(failed.trace_id, status="ERROR")
    mlflow.log_feedback(trace_id=root.trace_id, name="good", value=True, rationale="it is",
                        source=AssessmentSource("HUMAN", "ada"), metadata={"k": "v"})
    mlflow.log_feedback(trace_id=root.trace_id, name="score", value=0.5)
    mlflow.log_expectation(trace_id=root.trace_id, name="right", value={"a": [1, "x"]})


def traces(client, experiments):
    found = pages(lambda token: client.search_traces(
        locations=experiments, max_results=100, page_token=token, include_spans=False))
    return [trace.info for trace in found]


def show_trace(client, info, options):
    tags = dict(info.tags)
    place = tags.pop("mlflow.artifactLocation", None)
    # File stores keep spans in a file, which is behind a server once it was brought.
    in_file = tags.get("mlflow.trace.spansLocation") != "TRACKING_STORE"
    trace = None if in_file and "--nowhere" in options else client.get_trace(info.trace_id)
    return {
        "location": None if options else place,
        "of": info.experiment_id,
        "time": [info.request_time, info.execution_duration],
        "state": str(info.state),
        "previews": [info.request_preview, info.response_preview],
        "tags": tags,
        # Databases leave out the spaces that files keep.
        "metadata": {key: json.loads(value) if value.startswith("{") else value
                     for key, value in info.trace_metadata.items()},
        "said": sorted((a.name, show_assessment(a)) for a in info.assessments),
        "spans": [
            [s.span_id, s.parent_id, s.name, s.span_type, s.start_time_ns, s.end_time_ns, str(s.status),
             repr(sorted(s.attributes.items())),
             [[e.name, e.timestamp, sorted(e.attributes.items())] for e in s.events]]
            for s in trace.data.spans
        ] if trace else None,
    }


def show_assessment(said):
    shown = said.to_dictionary()
    # Some stores leave out what is so unless they say otherwise.
    shown.setdefault("valid", True)
    return json.dumps(shown, sort_keys=True)


def number(value):
    if isinstance(value, float) and math.isinf(value):
        # Databases have the largest finite number in its place.
        return math.copysign(sys.float_info.max, value)
    return "nan" if isinstance(value, float) and math.isnan(value) else value


def pages(search):
    token = None
    while True:
        page = search(token)
        yield from page
        token = page.token
        if not token:
            return


def dump(uri, options):
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    client = MlflowClient(uri, uri)
    experiments = list(pages(lambda token: client.search_experiments(ViewType.ALL, 100, page_token=token)))
    ids = [experiment.experiment_id for experiment in experiments]
    runs = list(pages(lambda token: client.search_runs(ids, "", ViewType.ALL, 100, page_token=token)))
    prompts = "tags.`mlflow.prompt.is_prompt` = 'true'"
    content = {
        "experiments": {e.name: show_experiment(e, options) for e in experiments},
        # A search does not show the models that a run read.
        "runs": {run.info.run_id: show_run(client, client.get_run(run.info.run_id), options) for run in runs},
        "models": {},
        "registered": {m.name: show_registered(client, m, options) for m in pages(
            lambda token: client.search_registered_models(max_results=100, page_token=token))},
        "prompts": {m.name: show_registered(client, m, options, " AND " + prompts) for m in pages(
            lambda token: client.search_registered_models(prompts, 100, page_token=token))},
    }
    if MAJOR >= 3:
        models = list(pages(lambda token: client.search_logged_models(ids, max_results=50, page_token=token)))
        content["models"] = {model.model_id: show_model(model, options) for model in models}
        content["traces"] = {
            info.trace_id: show_trace(client, info, options) for info in traces(client, ids)}
    return content


def location(place, options, files=None):
    if "--nowhere" in options or "--moved" in options and files is None:
        return None
    if "--moved" not in options:
        return place
    with tempfile.TemporaryDirectory() as folder:
        return files(folder)


def digests(folder):
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = hashlib.sha256(file.read()).hexdigest()
    return found


def show_experiment(e, options):
    default = e.experiment_id == "0"
    return {
        "id": e.experiment_id, "lifecycle": e.lifecycle_stage, "tags": dict(e.tags),
        # Every store has a default experiment of its own.
        "location": None if default else location(e.artifact_location, options),
        "created": None if default else e.creation_time,
        "updated": None if default else e.last_update_time,
    }


def show_run(client, run, options):
    info, data = run.info, run.data

    def files(folder):
        if any(client.list_artifacts(info.run_id)):
            client.download_artifacts(info.run_id, "", folder)
        return digests(folder)

    inputs, outputs = run.inputs, getattr(run, "outputs", None)
    return {
        "experiment": info.experiment_id, "name": info.run_name, "user": info.user_id, "status": info.status,
        "start": info.start_time, "end": info.end_time, "lifecycle": info.lifecycle_stage,
        "location": location(info.artifact_uri, options, files),
        "params": dict(data.params), "tags": dict(data.tags),
        "metrics": {key: number(value) for key, value in data.metrics.items()},
        "history": {key: sorted(([m.step, m.timestamp, number(m.value)] for m in
                                 client.get_metric_history(info.run_id, key)), key=str)
                    for key in data.metrics},
        "inputs": sorted([
            [i.dataset.name, i.dataset.digest, i.dataset.source_type, i.dataset.source, i.dataset.schema or "",
             i.dataset.profile or "", sorted([t.key, t.value] for t in i.tags)]
            for i in inputs.dataset_inputs
        ]),
        "read": sorted(m.model_id for m in getattr(inputs, "model_inputs", None) or []),
        "produced": sorted([m.model_id, m.step] for m in getattr(outputs, "model_outputs", None) or []),
    }


def show_model(model, options):
    def files(folder):
        if model.name == "tree":
            mlflow.artifacts.download_artifacts(artifact_uri=f"models:/{model.model_id}", dst_path=folder)
        return digests(folder)

    metrics = [[m.key, m.run_id, m.dataset_name or "", m.dataset_digest or "", m.step, m.timestamp,
                number(m.value)] for m in model.metrics or []]
    if "--latest" in options:
        latest = {}
        for metric in sorted(metrics):
            latest[tuple(metric[:4])] = metric
        metrics = latest.values()
    return {
        "experiment": model.experiment_id, "name": model.name,
        "location": location(model.artifact_location, options, files),
        "created": model.creation_timestamp, "updated": model.last_updated_timestamp,
        "status": str(model.status), "type": model.model_type or "", "run": model.source_run_id or "",
        "tags": dict(model.tags), "params": dict(model.params), "metrics": sorted(metrics),
    }


def show_registered(client, model, options, more=""):
    search = f"name = '{model.name}'{more}"
    versions = pages(lambda token: client.search_model_versions(search, 100, page_token=token))

    def files(version):
        def download(folder):
            if not version.run_id:
                return {}
            path = mlflow.artifacts.download_artifacts(
                artifact_uri=f"models:/{model.name}/{version.version}", dst_path=folder)
            return digests(path)
        return download

    def place(version):
        if more:
            return version.source
        uri = client.get_model_version_download_uri(version.name, version.version)
        return location([version.source, uri], options, files(version))

    return {
        "created": model.creation_timestamp, "updated": model.last_updated_timestamp,
        "description": model.description or "", "tags": dict(model.tags),
        "aliases": {alias: str(version) for alias, version in model.aliases.items()},
        "versions": {str(v.version): {
            "created": v.creation_timestamp, "updated": v.last_updated_timestamp, "stage": v.current_stage,
            "description": v.description or "", "run": v.run_id or "", "link": v.run_link or "",
            "status": v.status, "tags": dict(v.tags), "user": v.user_id or "", "files": place(v),
        } for v in versions},
    }


if __name__ == "__main__":
    command, uri, *options = sys.argv[1:]
    if command == "schema":
        schema(uri, *options)
    elif command == "make":
        make(uri)
    else:
        json.dump(dump(uri, options), sys.stdout, sort_keys=True, indent=1)
