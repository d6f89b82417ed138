"""Serve one MLflow model over a socket.

    python -m mainspring.model_worker --model DIR

File descriptor 0 is a connected Unix stream socket; messages are framed as in
`mainspring.framing`. The worker announces itself with `ready` (or `failed`),
answers requests until the socket closes and then ends, so it never outlives
the process that started it. Standard output and error are the model's log.

The environment variable MAINSPRING_ROLE tells the model what it is loaded
for; whoever starts the worker sets it ("serving" for live requests).
"""

import argparse
import os
import socket
import sys
import time
import traceback
from typing import Any

from mainspring.framing import FrameError, FrameStream

MOST_WAITING = 4096
"""Requests taken from the socket ahead of their turn."""

MOST_TRACEBACKS = 100
"""Different errors whose traceback is written to the log."""


class Worker:
    """Answers requests of one model, predicting together what arrived together."""

    def __init__(self, stream: FrameStream, model: Any, max_batch: int = 256, batch_wait: float = 0.0):
        self._max_batch = max_batch
        self._batch_wait = batch_wait
        self._stream = stream
        self._model = model
        self._schema = model.metadata.get_input_schema()
        self._waiting: list[dict[str, Any]] = []
        self._logged: set[tuple[str, str]] = set()

    def serve(self) -> None:
        while self._wait():
            batch = self._take_batch()
            for request, answer in zip(batch, self._answers(batch)):
                self._send(request, answer)

    def _send(self, request: dict[str, Any], answer: dict[str, Any]) -> None:
        number = request.get("id")
        try:
            self._stream.send({"id": number, **answer})
        except FrameError as error:
            # The table of a file is as large as the caller made it.
            kind = "input" if "parquet" in request else "model"
            self._stream.send({"id": number, **_error(error, kind, f"the answer cannot be sent: {error}")})

    def _wait(self) -> bool:
        """Fill the queue with what has arrived, waiting for the first; False at the end."""
        if not self._waiting:
            first = self._stream.receive()
            if first is None:
                return False
            self._waiting.append(first)
            if self._batch_wait and _batchable(first) and len(first["data"]) < self._max_batch:
                time.sleep(self._batch_wait)
        while len(self._waiting) < MOST_WAITING and (message := self._stream.receive_ready()) is not None:
            self._waiting.append(message)
        return True

    def _take_batch(self) -> list[dict[str, Any]]:
        """The oldest request with all that can be predicted in the same call."""
        first = self._waiting[0]
        batch, rest, rows = [], [], 0
        for request in self._waiting:
            size = len(request.get("data") or [])
            alike = request is first or (_batchable(first) and _batchable(request) and _shape(request) == _shape(first))
            if alike and (not batch or rows + size <= self._max_batch):
                batch.append(request)
                rows += size
            else:
                rest.append(request)
        self._waiting = rest
        return batch

    def _answers(self, batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len(batch) > 1:
            try:
                return self._predict_together(batch)
            except Exception:
                # Which request is at fault shows when each is alone; only that one fails.
                pass
        return [self._predict_alone(request) for request in batch]

    def _predict_together(self, batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
        predictions = self._predict(batch[0].get("columns"), [row for request in batch for row in request["data"]], None)
        total = sum(len(request["data"]) for request in batch)
        if not isinstance(predictions, list) or len(predictions) != total:
            raise ValueError("the predictions cannot be divided among the requests")
        answers, start = [], 0
        for request in batch:
            end = start + len(request["data"])
            answers.append({"predictions": predictions[start:end]})
            start = end
        return answers

    def _predict_alone(self, request: dict[str, Any]) -> dict[str, Any]:
        from mlflow.exceptions import MlflowException

        from mainspring.tables import InputError, decode_parquet

        try:
            if "parquet" in request:
                return {"predictions": [decode_parquet(request["parquet"])]}
            if not isinstance(request.get("data"), list):
                raise InputError("a request needs data: a list of rows")
            return {"predictions": self._predict(request.get("columns"), request["data"], request.get("params"))}
        except InputError as error:
            return _error(error, "input")
        except MlflowException as error:
            if error.error_code == "INVALID_PARAMETER_VALUE":
                # MLflow's own check of data and params; it quotes all of the data before the reason.
                return _error(error, "input", error.message.rpartition("Error: ")[2])
            return self._fault(error)
        except Exception as error:
            return self._fault(error)

    def _fault(self, error: Exception) -> dict[str, Any]:
        """The model failed: a traceback the first time, then a line, so that the log stays readable."""
        kind = (type(error).__name__, str(error))
        if kind in self._logged or len(self._logged) >= MOST_TRACEBACKS:
            print(f"{kind[0]}: {kind[1][:500]}", file=sys.stderr, flush=True)
        else:
            self._logged.add(kind)
            traceback.print_exception(error)
        return _error(error, "model")

    def _predict(self, columns: list[str] | None, rows: list[Any], params: dict[str, Any] | None) -> Any:
        from mainspring.tables import json_rows, model_input

        table = model_input(columns, rows, self._schema)
        return json_rows(self._model.predict(table, params=params or None))


def _batchable(request: dict[str, Any]) -> bool:
    return isinstance(request.get("data"), list) and bool(request["data"]) and not request.get("params")


def _shape(request: dict[str, Any]) -> Any:
    """What requests must have in common to be predicted in one call: their columns, or a row's form."""
    return request.get("columns") or _sides(request["data"][0])


def _sides(value: Any) -> list[int]:
    return [len(value), *_sides(value[0])] if isinstance(value, list) and value else []


def _error(error: BaseException, kind: str, message: str | None = None) -> dict[str, Any]:
    return {
        "error": {"type": type(error).__name__, "message": message or str(error) or type(error).__name__, "kind": kind}
    }


def load(stream: FrameStream, folder: str, warm: bool = False) -> Any:
    """Load the model and announce the result; None if it failed."""
    started = time.monotonic()
    try:
        import mlflow

        from mainspring.tables import describe_schema

        model = mlflow.pyfunc.load_model(folder)
        signature = model.metadata.signature
        if warm:
            warm_up(model)
        ready = {
            "type": "ready",
            "pid": os.getpid(),
            "load_seconds": round(time.monotonic() - started, 3),
            "inputs": describe_schema(signature.inputs, "input") if signature else None,
            "outputs": describe_schema(signature.outputs, "predictions") if signature else None,
            "flavors": sorted(model.metadata.flavors),
        }
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        stream.send({"type": "failed", "error": {"type": type(error).__name__, "message": str(error)}})
        return None
    stream.send(ready)
    return model


def warm_up(model: Any) -> None:
    """Ask the model once, with its own example or a row of zeros: the first answer is the slowest."""
    from mainspring.tables import zero_row

    try:
        example = model.input_example if model.metadata.saved_input_example_info else None
        if example is None:
            example = zero_row(model.metadata.get_input_schema())
        if example is not None:
            model.predict(example)
    except Exception as error:
        # A made-up row may well be refused; requests are answered all the same.
        print(f"the model was not warmed up: {type(error).__name__}: {error}", file=sys.stderr, flush=True)


def take_socket() -> socket.socket:
    """The socket on descriptor 0, moved out of reach of the model's code."""
    connection = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return connection


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="folder of an MLflow model")
    parser.add_argument("--max-batch", type=int, default=256, help="rows predicted at once")
    parser.add_argument("--batch-wait-ms", type=int, default=0, help="how long a first request waits for others")
    parser.add_argument("--warm-up", action="store_true", help="ask the model once before it is ready")
    options = parser.parse_args()
    # A request has few rows: threads would cost more than they save.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    stream = FrameStream(take_socket())
    try:
        model = load(stream, options.model, options.warm_up)
        if model is None:
            return 1
        Worker(stream, model, options.max_batch, options.batch_wait_ms / 1000).serve()
    except (BrokenPipeError, ConnectionResetError):
        # The server has gone; so does its worker.
        pass
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
