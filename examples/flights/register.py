"""Register a run's model, and ask for its promotion.

    python register.py RUN_ID            register it and move it to Staging
    python register.py --promote VERSION ask for Production

Both are plain MLflow client calls. The server checks the second against the
gates of mainspring.toml and starts a canary rollout; a refusal raises
MlflowException with the reason.
"""

import argparse

import mlflow
from mlflow import MlflowClient

MODEL = "flights"


def register(run_id: str) -> str:
    version = mlflow.register_model(f"runs:/{run_id}/model", MODEL).version
    MlflowClient().transition_model_version_stage(MODEL, version, "Staging")
    print(f"{MODEL} version {version} is in Staging")
    return str(version)


def promote(version: str) -> str:
    answer = MlflowClient().transition_model_version_stage(
        MODEL, version, "Production", archive_existing_versions=False
    )
    print(
        f"{MODEL} version {answer.version}: stage {answer.current_stage}, {answer.status} {answer.status_message or ''}"
    )
    return answer.current_stage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("run_id", nargs="?", help="run whose model to register")
    what.add_argument("--promote", metavar="VERSION", help="registered version to promote")
    options = parser.parse_args()
    if options.promote:
        promote(options.promote)
    else:
        register(options.run_id)


if __name__ == "__main__":
    main()
