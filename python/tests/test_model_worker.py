"""The model worker, over a real socket with real MLflow models."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from conftest import PYTHON_FOLDER

from mainspring.framing import FrameStream

mlflow = pytest.importorskip("mlflow", reason="model worker tests need mlflow-skinny and pandas")
pd = pytest.importorskip("pandas")

FAKE_MODEL = '''
import os
import mlflow
import numpy as np


class Fake(mlflow.pyfunc.PythonModel):
    """Answers x + 1; fails on x = 13; counts the rows of each call."""

    def predict(self, context, model_input, params=None):
        print("a print that must not reach the socket")
        os.read(0, 100)
        if (model_input["x"] == 13).any():
            raise RuntimeError("unlucky row")
        if params and params.get("rows"):
            return np.full(len(model_input), float(len(model_input)))
        return model_input["x"].to_numpy() + model_input["y"].to_numpy() + 1


mlflow.models.set_model(Fake())
'''


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    folder = tmp_path_factory.mktemp("model")
    source = folder / "fake.py"
    source.write_text(FAKE_MODEL)
    signature = ModelSignature(
        inputs=Schema([ColSpec("long", "x"), ColSpec("double", "y"), ColSpec("string", "name", required=False)]),
        outputs=Schema([ColSpec("double")]),
        params=ParamSchema([ParamSpec("rows", "boolean", False)]),
    )
    mlflow.pyfunc.save_model(folder / "saved", python_model=str(source), signature=signature, pip_requirements=[])
    return folder / "saved"


class Client:
    def __init__(self, model: Path):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.settimeout(60)
        self.log = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mainspring.model_worker", "--model", str(model)],
            stdin=theirs,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(PYTHON_FOLDER)},
        )
        theirs.close()
        self.socket = ours
        self.stream = FrameStream(ours)
        self.hello = self.stream.receive()

    def ask(self, *requests: dict) -> dict[int, dict]:
        """Send all at once, and give the answers by id."""
        frames = b""
        for request in requests:
            body = json.dumps(request).encode()
            frames += len(body).to_bytes(4, "big") + body
        self.socket.sendall(frames)
        answers = [self.stream.receive() for _ in requests]
        return {answer.pop("id"): answer for answer in answers}

    def log_text(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def close(self) -> int:
        self.socket.close()
        return self.process.wait(timeout=30)


@pytest.fixture(scope="module")
def client(model):
    client = Client(model)
    yield client
    assert client.close() == 0


def rows(number: int, *data: list, **more) -> dict:
    return {"id": number, "columns": ["x", "y"], "data": list(data), "params": {}, **more}


def test_it_introduces_itself(client):
    hello = dict(client.hello)
    assert hello.pop("load_seconds") > 0
    assert hello == {
        "type": "ready",
        "pid": client.process.pid,
        "inputs": [
            {"name": "x", "type": "long", "required": True},
            {"name": "y", "type": "double", "required": True},
            {"name": "name", "type": "string", "required": False},
        ],
        "outputs": [{"name": "predictions", "type": "double", "required": True}],
        "flavors": ["python_function"],
    }


def test_types_follow_the_signature_and_nan_is_null(client):
    assert client.ask(rows(1, [1, 2], [2, 0.5], [3, None])) == {1: {"predictions": [4.0, 3.5, None]}}


def test_requests_that_arrive_together_are_answered_each(client):
    answers = client.ask(*(rows(number, [number, 0], [0, number]) for number in range(20, 60)))
    assert answers == {number: {"predictions": [number + 1.0, number + 1.0]} for number in range(20, 60)}


def test_only_the_guilty_request_fails(client):
    answers = client.ask(rows(1, [1, 0]), rows(2, [13, 0]), rows(3, ["x", 0]), rows(4, [4, 0]))
    assert answers[1] == {"predictions": [2.0]} and answers[4] == {"predictions": [5.0]}
    assert answers[2]["error"] == {"type": "RuntimeError", "message": "unlucky row", "kind": "model"}
    assert answers[3]["error"]["kind"] == "input"


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (rows(1, [1.5, 0]), "column 'x' must hold whole numbers; row 0 has 1.5"),
        (rows(1, [None, 0]), "column 'x' must hold whole numbers; row 0 has None"),
        (rows(1, [1, 0], [2, "high"]), "column 'y' must hold numbers or null; row 1 has 'high'"),
        (rows(1, [1]), "row 0 must be a list of 2 values"),
        ({"id": 1, "columns": ["x"], "data": [[1]]}, "missing columns: y; the model takes x, y, name"),
        ({"id": 1, "columns": ["x", "y"]}, "a request needs data"),
        (rows(1, [1, 0], params={"rows": "perhaps"}), "Failed to validate type and shape for 'rows'"),
    ],
)
def test_wrong_input_is_the_callers_fault(client, request_, message):
    error = client.ask(request_)[1]["error"]
    assert error["kind"] == "input"
    assert message in error["message"]


def test_params_are_passed_and_not_mixed_with_other_requests(client):
    answers = client.ask(rows(1, [1, 0], [2, 0], params={"rows": True}), rows(2, [1, 0]), rows(3, [5, 0]))
    assert answers == {1: {"predictions": [2.0, 2.0]}, 2: {"predictions": [2.0]}, 3: {"predictions": [6.0]}}


def test_a_model_that_cannot_be_loaded(tmp_path):
    client = Client(tmp_path / "nothing")
    assert client.hello["type"] == "failed"
    assert "nothing" in client.hello["error"]["message"]
    assert client.process.wait(timeout=30) == 1


def test_it_ends_when_the_socket_closes_in_the_middle_of_a_message(model):
    client = Client(model)
    client.socket.sendall(b"\x00\x00\x01\x00{")
    assert client.close() == 0


def test_a_repeated_fault_is_logged_in_full_once(model):
    client = Client(model)
    for number in range(5):
        client.ask(rows(number, [13, 0]))
    assert client.close() == 0
    assert client.log_text().count("Traceback") == 1
    assert client.log_text().count("RuntimeError: unlucky row") == 5


def test_times_with_a_zone_are_told_in_utc():
    from mlflow.types import ColSpec, Schema

    from mainspring.tables import InputError, model_input

    schema = Schema([ColSpec("datetime", "at")])
    times = [["2026-01-01T12:00:00+02:00"], ["2026-01-01T10:00:00"], ["2026-01-01T10:00:00Z"], [None]]
    table = model_input(["at"], times, schema)
    assert list(table["at"][:3]) == [pd.Timestamp("2026-01-01T10:00:00")] * 3 and table["at"][3] is pd.NaT
    with pytest.raises(InputError, match="column 'at' must hold ISO 8601 times or null"):
        model_input(["at"], [["9999-12-31T23:00:00-05:00"]], schema)


def test_rows_that_are_no_matrix_are_the_callers_fault():
    from mainspring.tables import InputError, model_input

    assert model_input(None, [[1, 2], [3, 4]], None).shape == (2, 2)
    with pytest.raises(InputError, match="the data is not an array"):
        model_input(None, [[1, 2], [3]], None)


@pytest.mark.parametrize(("request_", "kind"), [({"id": 1, "parquet": ""}, "input"), ({"id": 1, "data": []}, "model")])
def test_an_answer_that_is_too_large_is_the_fault_of_who_made_it_so(monkeypatch, request_, kind):
    from types import SimpleNamespace

    from mainspring import framing
    from mainspring.model_worker import Worker

    ours, theirs = socket.socketpair()
    model = SimpleNamespace(metadata=SimpleNamespace(get_input_schema=lambda: None))
    worker = Worker(FrameStream(theirs), model)
    monkeypatch.setattr(framing, "LIMIT", 1000)
    worker._send(request_, {"predictions": ["x" * 2000]})
    answer = FrameStream(ours).receive()
    assert answer["id"] == 1 and answer["error"]["kind"] == kind and "over the limit" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("spec", "message", "answer"),
    [
        ({"id": 1, "columns": None, "data": [[1, 2], [3, 4]]}, None, [[2.0, 4.0], [6.0, 8.0]]),
        ({"id": 1, "columns": None, "data": [[1, "x"]]}, "not an array of float64", None),
    ],
)
def test_arrays(tmp_path, spec, message, answer):
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    source = tmp_path / "double.py"
    source.write_text(
        "import mlflow\n"
        "class Double(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n"
        "        print(f'{len(model_input)} rows', flush=True)\n"
        "        return model_input * 2\n"
        "mlflow.models.set_model(Double())\n"
    )
    tensor = Schema([TensorSpec(np.dtype("float64"), (-1, 2))])
    mlflow.pyfunc.save_model(
        tmp_path / "saved", python_model=str(source), signature=ModelSignature(tensor, tensor), pip_requirements=[]
    )
    client = Client(tmp_path / "saved")
    assert client.hello["inputs"] == [
        {"name": "input", "type": "tensor", "required": True, "dtype": "float64", "shape": [-1, 2]}
    ]
    reply = client.ask(spec)[1]
    if message:
        assert reply["error"]["kind"] == "input" and message in reply["error"]["message"]
    else:
        assert reply == {"predictions": answer}
        # Arrays have no names to go by; those of one form are predicted together.
        together = client.ask(*({"id": n, "columns": None, "data": [[n, n + 1]]} for n in range(2, 40)))
        assert together == {n: {"predictions": [[2.0 * n, 2.0 * (n + 1)]]} for n in range(2, 40)}
    assert client.close() == 0
    assert message or client.log_text().count(" rows") < 39
