"""Large artifacts through an unmodified MLflow client: up in parts, down in parts, by links.

    MLFLOW_TRACKING_URI=http://... python tests/clients/mlflow_transfers.py

Nothing of the client is changed; `requests.put` and `requests.Session.request` are watched, so that a
client which quietly fell back to one plain transfer fails here.
"""

import os
import tempfile
from pathlib import Path

PART = 5 << 20

os.environ["MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD"] = "true"
os.environ["MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD"] = "true"
os.environ["MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE"] = str(PART)
os.environ["MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE"] = str(PART)
os.environ["MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE"] = str(PART)

import mlflow  # noqa: E402
import requests  # noqa: E402
from mlflow.store.artifact.http_artifact_repo import HttpArtifactRepository  # noqa: E402

seen: list[str] = []
plain_request = requests.Session.request


def watched(self, method, url, *arguments, **options):
    seen.append(f"{method.upper()} {url}")
    return plain_request(self, method, url, *arguments, **options)


requests.Session.request = watched


def count(method: str, part: str) -> int:
    return sum(1 for call in seen if call.startswith(method) and part in call)


def main() -> None:
    content = os.urandom(2 * PART + 1234)
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "large file.bin"
        file.write_bytes(content)
        (Path(name) / "empty").write_bytes(b"")
        with mlflow.start_run() as run:
            mlflow.log_artifact(str(file), "deep/folder")
            mlflow.log_artifact(str(Path(name) / "empty"))
    assert count("PUT", "/mlflow-artifacts/signed/") == 3, seen
    assert count("POST", "/mpu/complete/") == 1, seen
    seen.clear()
    path = mlflow.artifacts.download_artifacts(
        run_id=run.info.run_id, artifact_path="deep/folder/large file.bin"
    )
    assert Path(path).read_bytes() == content
    if hasattr(HttpArtifactRepository, "_get_presigned_download_url"):
        assert count("GET", "/mlflow-artifacts/presigned/") == 1, seen
        assert count("GET", "/mlflow-artifacts/signed/") == 3, seen
    listed = mlflow.MlflowClient().list_artifacts(run.info.run_id)
    assert [(file.path, file.file_size) for file in listed] == [("deep", None), ("empty", 0)], listed


if __name__ == "__main__":
    main()
