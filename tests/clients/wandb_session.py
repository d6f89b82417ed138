"""A session of the real W&B client: what teams do with it, against this server.

It needs WANDB_BASE_URL and WANDB_API_KEY, and works in the present folder. `MLFLOW_URL` is the same
server for the MLflow API, by which the runs must be found too.
"""

import json
import math
import os
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import wandb

SERVER = os.environ["WANDB_BASE_URL"]
KEY = os.environ["WANDB_API_KEY"]
PROJECT = f"flights-{uuid.uuid4().hex[:8]}"


def mlflow(path, **body):
    """Asks the MLflow API."""
    request = urllib.request.Request(
        f"{SERVER}/api/2.0/mlflow/{path}",
        data=json.dumps(body).encode() if body else None,
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def experiment(project=PROJECT):
    found = mlflow(f"experiments/get-by-name?experiment_name={project}")
    return found["experiment"]["experiment_id"]


def verify():
    done = subprocess.run(
        [sys.executable, "-m", "wandb", "login", "--verify", "--relogin", "--host", SERVER, KEY],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def train():
    """A run with everything that is commonly logged; gives its id."""
    with wandb.init(
        project=PROJECT,
        name="first",
        config={"lr": 0.1, "layers": [1, 2], "optimizer": {"name": "adam", "beta": 0.9}, "deep": True},
        tags=["baseline", "tree"],
        notes="the first of its kind",
        group="nightly",
        job_type="train",
    ) as run:
        run.define_metric("loss", summary="min")
        for step in range(20):
            run.log({"loss": 1.0 / (step + 1), "val": {"auc": step / 20}, "odd name@1": step})
        run.log({"bad": float("nan"), "huge": float("inf"), "flag": True})
        run.log({"histogram": wandb.Histogram([1, 2, 2, 3, 3, 3])})
        run.log({"table": wandb.Table(columns=["a", "b"], data=[[1, "x"], [2, "y"]])})
        image = [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]]
        run.log({"image": wandb.Image(numpy_image(image), caption="four dots")})
        run.config.update({"epochs": 20})
        run.config.update({"lr": 0.2}, allow_val_change=True)
        run.summary["verdict"] = "good"
        run.summary["best_auc"] = 0.95
        Path("notes.txt").write_text("some notes\n")
        run.save("notes.txt", policy="now")
        print("a line on the console")
        return run.id


def numpy_image(rows):
    import numpy

    return numpy.array(rows, dtype="uint8")


def check_mlflow(run_id):
    """The run is one like any other."""
    found = mlflow(
        "runs/search",
        experiment_ids=[experiment()],
        filter="metrics.best_auc > 0.9 and params.`optimizer.name` = 'adam' "
        "and tags.`wandb.group` = 'nightly' and attributes.status = 'FINISHED'",
    )["runs"]
    assert len(found) == 1, found
    run = found[0]
    tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
    params = {param["key"]: param["value"] for param in run["data"]["params"]}
    metrics = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
    assert tags["wandb.run_id"] == run_id and tags["mlflow.note.content"] == "the first of its kind", tags
    assert tags["wandb.tags"] == "baseline,tree" and tags["wandb.job_type"] == "train", tags
    assert tags["wandb.summary.verdict"] == "good", tags
    assert params["lr"] == "0.2" and params["epochs"] == "20" and params["layers"] == "[1,2]", params
    assert metrics["val.auc"] == 0.95 and metrics["odd name_1"] == 19 and metrics["flag"] == 1, metrics
    assert metrics["loss.min"] == 0.05, metrics
    assert math.isnan(float(metrics["bad"])) and metrics["huge"] > 1e308, metrics
    inner = run["info"]["run_id"]
    history = mlflow(f"metrics/get-history?run_id={inner}&metric_key=loss")["metrics"]
    assert [point["step"] for point in history] == list(range(20)), history
    files = mlflow(f"artifacts/list?run_id={inner}")["files"]
    names = {file["path"] for file in files}
    assert {"config.yaml", "notes.txt", "media", "wandb-summary.json", "wandb-metadata.json"} <= names, names
    return inner


def check_api(run_id):
    """What `wandb.Api` reads."""
    api = wandb.Api()
    path = f"mainspring/{PROJECT}/{run_id}"
    run = api.run(path)
    assert run.name == "first" and run.state == "finished", run
    assert run.config["optimizer"] == {"name": "adam", "beta": 0.9} and run.config["lr"] == 0.2, run.config
    assert run.summary["best_auc"] == 0.95 and run.summary["verdict"] == "good", run.summary
    assert sorted(run.tags) == ["baseline", "tree"] and run.notes == "the first of its kind"
    assert run.group == "nightly" and run.job_type == "train"
    rows = run.history(keys=["loss"], pandas=False)
    assert [row["_step"] for row in rows] == list(range(20)), rows
    assert len(run.history(samples=10, pandas=False)) == 10
    assert len(run.history(pandas=False)) == run.lastHistoryStep + 1
    scanned = list(run.scan_history())
    assert len(scanned) == 24 and scanned[3]["loss"] == 0.25, scanned
    losses = [row["loss"] for row in run.scan_history(keys=["loss"])]
    assert len(losses) == 20, losses
    files = {file.name: file for file in run.files()}
    assert files["notes.txt"].size == 11, files
    folder = Path("downloaded")
    files["notes.txt"].download(root=str(folder), replace=True)
    assert (folder / "notes.txt").read_text() == "some notes\n"
    assert any(name.startswith("media/images/") for name in files), list(files)
    assert [file.name for file in run.files(names=["config.yaml"])] == ["config.yaml"]
    assert any(kind.name == "run_table" for kind in api.artifact_types(f"mainspring/{PROJECT}"))
    return run


def check_search():
    """Runs by filter and in order."""
    for index in range(3):
        with wandb.init(project=PROJECT, name=f"small-{index}", config={"size": index}, tags=["small"]) as run:
            run.log({"score": 10 - index})
    api = wandb.Api()
    project = f"mainspring/{PROJECT}"
    names = lambda runs: [run.name for run in runs]
    assert len(api.runs(project)) == 4
    small = api.runs(project, filters={"tags": "small"}, order="+created_at")
    assert names(small) == ["small-0", "small-1", "small-2"], names(small)
    some = api.runs(project, filters={"config.size": {"$gte": 1}}, order="-summary_metrics.score", per_page=1)
    assert names(some) == ["small-1", "small-2"], names(some)
    either = api.runs(project, filters={"$or": [{"display_name": "first"}, {"config.size.value": 2}]})
    assert sorted(names(either)) == ["first", "small-2"], names(either)
    assert names(api.runs(project, filters={"display_name": {"$regex": "^small-[01]"}}, order="-created_at"))[
        0
    ].startswith("small-")
    assert PROJECT in [found.name for found in api.projects("mainspring")]


def check_resume():
    """A run goes on where it was."""
    with wandb.init(project=PROJECT, id="again", name="again", config={"a": 1}) as run:
        for step in range(5):
            run.log({"x": step})
    with wandb.init(project=PROJECT, id="again", resume="must") as run:
        assert run.resumed and run.starting_step == 5, (run.resumed, run.starting_step)
        assert run.config["a"] == 1, dict(run.config)
        for step in range(5, 8):
            run.log({"x": step})
    with wandb.init(project=PROJECT, id="again", resume="allow") as run:
        assert run.starting_step == 8, run.starting_step
    with wandb.init(project=PROJECT, id="fresh", resume="allow") as run:
        assert run.starting_step == 0, run.starting_step
        run.log({"x": 1})
    try:
        wandb.init(project=PROJECT, id="never-was", resume="must")
    except wandb.Error:
        pass
    else:
        raise AssertionError("a run that never was cannot be resumed")
    run = wandb.Api().run(f"mainspring/{PROJECT}/again")
    assert [row["x"] for row in run.scan_history()] == list(range(8)), list(run.scan_history())
    assert run.config["a"] == 1 and run.name == "again", run


def check_artifacts():
    """Versions, aliases, equal content, downloads, lineage."""
    Path("model").mkdir(exist_ok=True)
    Path("model/weights.bin").write_bytes(b"w" * 100_000)
    Path("model/deep/er").mkdir(parents=True, exist_ok=True)
    Path("model/deep/er/x.json").write_text("{}")

    def log(aliases=None):
        with wandb.init(project=PROJECT, job_type="produce") as run:
            artifact = wandb.Artifact("net", type="model", metadata={"auc": 0.9}, description="a net")
            artifact.add_dir("model")
            artifact.add_reference("https://example.com/x.csv", name="elsewhere.csv", checksum=False)
            logged = run.log_artifact(artifact, aliases=aliases)
            logged.wait()
            return run.id, logged.version

    first, version = log(["best"])
    assert version == "v0", version
    assert log()[1] == "v0", "equal content is the same version"
    Path("model/deep/er/x.json").write_text("{\"a\": 1}")
    assert log(["candidate"])[1] == "v1"
    with wandb.init(project=PROJECT, job_type="consume") as run:
        used = run.use_artifact("net:latest")
        assert used.version == "v1" and used.type == "model" and used.metadata == {"auc": 0.9}, used
        entry = used.get_entry("deep/er/x.json").download(root="fetched")
        assert Path(entry).read_text() == "{\"a\": 1}"
        best = run.use_artifact("net:best")
        assert best.version == "v0", best.version
        consumer = run.id
    api = wandb.Api()
    name = f"mainspring/{PROJECT}/net"
    best = api.artifact(f"{name}:best")
    assert best.version == "v0" and sorted(best.aliases) == ["best"], best.aliases
    assert sorted(api.artifact(f"{name}:v1").aliases) == ["candidate", "latest"]
    assert [run.id for run in best.used_by()] == [consumer]
    assert best.logged_by().id == first
    best.aliases.append("kept")
    best.description = "still a net"
    best.metadata["seen"] = True
    best.save()
    again = api.artifact(f"{name}:kept")
    assert again.id == best.id and again.description == "still a net" and again.metadata["seen"] is True
    versions = [found.version for found in api.artifacts("model", name)]
    assert versions == ["v1", "v0"], versions
    assert [found.name for found in api.artifact_type("model", f"mainspring/{PROJECT}").collections()] == ["net"]
    consumed = api.run(f"mainspring/{PROJECT}/{consumer}").used_artifacts()
    assert sorted(found.version for found in consumed) == ["v0", "v1"]
    produced = api.run(f"mainspring/{PROJECT}/{first}").logged_artifacts()
    assert "net:v0" in [found.name for found in produced], [found.name for found in produced]
    with wandb.init(project=PROJECT) as run:
        plain = wandb.Artifact("data", type="dataset")
        plain.add_file("notes.txt")
        run.log_artifact(plain).wait()
    folder = Path(api.artifact(f"mainspring/{PROJECT}/data:latest").download(root="whole"))
    assert (folder / "notes.txt").read_text() == "some notes\n"
    api.artifact(f"{name}:candidate").delete(delete_aliases=True)
    assert api.artifact(f"{name}:latest").version == "v0"
    assert not api.artifact_exists(f"{name}:nothing")


def check_tables(run_id):
    """A table that was logged is an artifact, found by the client's id for it."""
    table = wandb.Api().artifact(f"mainspring/{PROJECT}/run-{run_id}-table:latest").get("table")
    assert table.data == [[1, "x"], [2, "y"]], table.data


def check_update(run):
    """A finished run can be changed."""
    run.tags.append("kept")
    run.config["reviewed"] = "yes"
    run.notes = "changed"
    run.update()
    run = wandb.Api().run("/".join(run.path))
    assert "kept" in run.tags and run.config["reviewed"] == "yes" and run.notes == "changed"
    assert run.config["lr"] == 0.2, run.config


def check_other_runs():
    """Runs of the MLflow client are runs here too."""
    made = mlflow("experiments/create", name=f"{PROJECT}-other")["experiment_id"]
    other = mlflow("runs/create", experiment_id=made, run_name="theirs", start_time=1)["run"]["info"]["run_id"]
    mlflow("runs/log-parameter", run_id=other, key="depth", value="3")
    for step in range(3):
        mlflow("runs/log-metric", run_id=other, key="rmse", value=1.5 - step, step=step, timestamp=1000 + step)
    run = wandb.Api().runs(f"mainspring/{PROJECT}-other")[0]
    assert run.name == "theirs" and run.config == {"depth": "3"} and run.summary["rmse"] == -0.5, run.summary
    assert [row["rmse"] for row in run.scan_history(keys=["rmse"])] == [1.5, 0.5, -0.5]


def check_deletion():
    api = wandb.Api()
    run = api.run(f"mainspring/{PROJECT}/fresh")
    run.delete()
    assert "fresh" not in [found.id for found in api.runs(f"mainspring/{PROJECT}")]


def main():
    verify()
    run_id = train()
    check_mlflow(run_id)
    run = check_api(run_id)
    check_search()
    check_resume()
    check_artifacts()
    check_tables(run_id)
    check_update(run)
    check_other_runs()
    check_deletion()
    print("the session went through")


if __name__ == "__main__":
    main()
