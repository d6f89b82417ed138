"""Two teams in workspaces of one server, through an unmodified MLflow client of version 3.18.

    MLFLOW_TRACKING_URI=http://... python tests/clients/mlflow_workspaces.py
"""

import os
from pathlib import Path

os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "false"

import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402

TEAMS = ["team-a", "team-b"]
client = MlflowClient()
runs = {}
traces = {}


def refused(call, words: str) -> None:
    try:
        call()
    except MlflowException as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"not refused: {words}")


for team in TEAMS:
    made = mlflow.create_workspace(team, description=f"of {team}")
    assert (made.name, made.description) == (team, f"of {team}")
assert [one.name for one in mlflow.list_workspaces()] == ["default", *TEAMS]
refused(lambda: mlflow.create_workspace("team-a"), "already exists")

for team in TEAMS:
    mlflow.set_workspace(team)
    mlflow.set_experiment("flights")
    with mlflow.start_run() as run:
        mlflow.log_param("team", team)
        mlflow.log_metric("auc", 0.5)
        mlflow.log_text(f"written by {team}", "model/who.txt")
        runs[team] = run.info.run_id
    with mlflow.start_span("step") as span:
        traces[team] = span.trace_id
    client.create_registered_model("flights")
    uri = f"{client.get_run(runs[team]).info.artifact_uri}/model"
    assert f"/workspaces/{team}/" in uri, uri
    version = client.create_model_version("flights", source=uri, run_id=runs[team])
    assert (version.name, str(version.version)) == ("flights", "1")
    client.set_registered_model_alias("flights", "best", "1")

for team in TEAMS:
    other = next(one for one in TEAMS if one != team)
    mlflow.set_workspace(team)
    mlflow.set_experiment("flights")
    found = mlflow.search_runs(experiment_names=["flights"], output_format="list")
    assert [run.info.run_id for run in found] == [runs[team]]
    assert found[0].data.params == {"team": team}
    folder = mlflow.artifacts.download_artifacts(artifact_uri="models:/flights@best")
    assert Path(folder, "who.txt").read_text() == f"written by {team}"
    assert mlflow.artifacts.load_text(f"runs:/{runs[team]}/model/who.txt") == f"written by {team}"
    assert [model.name for model in client.search_registered_models("name = 'flights'")] == ["flights"]
    assert [trace.info.trace_id for trace in mlflow.search_traces(return_type="list")] == [traces[team]]
    refused(lambda: client.get_run(runs[other]), f"Run with id={runs[other]} not found")
    refused(lambda: client.log_metric(runs[other], "auc", 1.0), f"Run with id={runs[other]} not found")
    assert mlflow.get_trace(traces[other]) is None

mlflow.set_workspace(None)
assert client.search_registered_models() == []
refused(lambda: client.get_run(runs["team-a"]), "not found")
refused(lambda: mlflow.delete_workspace("team-a"), "still contains")
client.create_registered_model("flights")
refused(lambda: mlflow.delete_workspace("team-b", mode="SET_DEFAULT"), "registered_models: 'flights'")
mlflow.delete_workspace("team-b", mode="CASCADE")
assert [one.name for one in mlflow.list_workspaces()] == ["default", "team-a"]
mlflow.set_workspace("team-b")
refused(lambda: client.get_run(runs["team-b"]), "Workspace 'team-b' not found")
mlflow.set_workspace(None)
client.delete_registered_model("flights")
mlflow.delete_workspace("team-a", mode="SET_DEFAULT")
assert mlflow.artifacts.load_text(f"runs:/{runs['team-a']}/model/who.txt") == "written by team-a"
assert client.get_model_version("flights", "1").run_id == runs["team-a"]
print("workspaces: ok")
