#!/usr/bin/env python3
"""What one call of the MLflow API costs the server, in CPU time.

    python3 bench/tracking.py --binary target/release/mainspring [--peers] [--runs 10000] [--json FILE]

Starts `mainspring server` in an empty Git project on a free port and sends calls
over one connection that is kept alive. The figure is the CPU time of the server's
whole process tree per call; the wall time of the client says little, because it
shares the machine. `--peers` installs MLflow into a virtual environment and sends
the same calls to `mlflow server` on SQLite. `--million` fills Mainspring's database with a
million runs (directly, before the start) and searches them. Linux only.
"""

import argparse
import http.client
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

from idle import (
    cpu_seconds,
    free_port,
    launch,
    mainspring_command,
    memory_total,
    mlflow_command,
    mlflow_python,
    run,
    stop,
    total,
    tree,
)
from load import latencies, post

KEYS = 20
WRITERS = 64
# A stall meets every connection once: with few calls each, one stall is the 99th percentile.
WRITES = 200
JSON = "Content-Type: application/json\r\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, required=True, help="the mainspring binary")
    parser.add_argument("--runs", type=int, default=10_000, help="runs that a search goes through")
    parser.add_argument("--peers", action="store_true", help="measure MLflow too (slow)")
    parser.add_argument("--venv", type=Path, help="keep MLflow's virtual environment here and use it again")
    parser.add_argument("--million", action="store_true", help="search a million runs of Mainspring too")
    parser.add_argument("--json", type=Path, help="write the figures as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mainspring-bench-") as name:
        folder = Path(name)
        own = mainspring_command(options.binary.resolve())
        results = {"mainspring": measure("mainspring", folder, own, options.runs)}
        if options.million:
            results["mainspring"].update(million(folder, own))
        if options.peers:
            python = mlflow_python(options.venv or folder / "venv")
            version = run(python, "-c", "import mlflow; print(mlflow.__version__)").strip()
            results[f"mlflow {version}"] = measure("mlflow", folder, mlflow_command(python), options.runs)
    show(results)
    if options.json:
        machine = {"cores": os.cpu_count(), "memory_gb": round(memory_total() / 1e9)}
        options.json.write_text(json.dumps({"machine": machine, "results": results}, indent=2) + "\n")
    return 0


class Server:
    """A server under measurement, with one connection to it."""

    def __init__(self, name: str, folder: Path, command, project: Path | None = None):
        self.port = free_port()
        self.project = project or folder / f"{name}-{uuid.uuid4().hex[:6]}"
        arguments = command(self.project, self.port)
        self.log = folder / f"{name}.log"
        self.process = launch(arguments, self.project, self.port, self.log)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_) -> None:
        self.connection.close()
        stop(self.process)

    def cpu(self) -> float:
        return cpu_seconds(tree(self.process.pid))

    def post(self, path: str, body: dict) -> dict:
        return call(self.connection, "POST", path, body)

    def get(self, path: str) -> dict:
        return call(self.connection, "GET", path)

    def settle(self) -> None:
        """Waits until the processes that a server starts beside itself have loaded."""
        for _ in range(60):
            before = self.cpu()
            time.sleep(2)
            if self.cpu() - before < 0.05:
                return
        raise SystemExit("the server does not come to rest")

    def cost(self, times: int, send) -> float:
        """Milliseconds of CPU per call."""
        before = self.cpu()
        for number in range(times):
            send(number)
        return (self.cpu() - before) / times * 1000


def call(connection: http.client.HTTPConnection, method: str, path: str, body: dict | None = None) -> dict:
    data = None if body is None else json.dumps(body).encode()
    for last in (False, True):
        try:
            connection.request(method, f"/api/2.0/mlflow/{path}", data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            break
        except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
            # MLflow's server closes connections now and then.
            connection.close()
            if last:
                raise
    text = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{method} {path} answered {answer.status}: {text[:500]!r}")
    return json.loads(text)


def create(server: Server, number: int = 0) -> str:
    body = {"experiment_id": "0", "start_time": 1_700_000_000_000 + number, "run_name": f"r{number}"}
    return server.post("runs/create", body)["run"]["info"]["run_id"]


def points(count: int, start: int, keys: int = KEYS) -> list[dict]:
    return [
        {"key": f"m{i % keys}", "value": i * 0.5, "timestamp": 1_700_000_000_000 + start + i, "step": start + i}
        for i in range(count)
    ]


def measure(name: str, folder: Path, command, runs: int) -> dict:
    slow = name == "mlflow"
    found = {}

    def note(what: str, value: float) -> None:
        found[what] = value
        print(f"{name}: {what}: {value:.3f}", file=sys.stderr)

    with Server(name, folder, command) as server:
        note("idle rss MB", total(tree(server.process.pid), "Rss"))
        # The first calls load what the server's language loads lazily.
        for number in range(20):
            create(server, number)
        server.settle()
        note("runs/create ms", server.cost(100 if slow else 2000, lambda n: create(server, n)))
        run_id = create(server)

        def log_metric(number: int) -> None:
            body = {"run_id": run_id, "key": "loss", "value": number * 0.5, "timestamp": number, "step": number}
            server.post("runs/log-metric", body)

        note("log-metric ms", server.cost(100 if slow else 2000, log_metric))
        # The clock of CPU time counts hundredths of a second: enough calls for three digits.
        for size, times in ((100, 50), (1000, 20)) if slow else ((100, 1000), (1000, 200)):
            target = create(server)
            body = lambda n, size=size, target=target: {"run_id": target, "metrics": points(size, n * size)}
            note(f"log-batch {size} ms", server.cost(times, lambda n: server.post("runs/log-batch", body(n))))
        full = create(server)
        params = [{"key": f"p{i}", "value": str(i)} for i in range(KEYS)]
        server.post("runs/log-batch", {"run_id": full, "metrics": points(KEYS, 0), "params": params})
        note("runs/get ms", server.cost(100 if slow else 2000, lambda _: server.get(f"runs/get?run_id={full}")))

        history = create(server)
        before = server.cpu()
        for number in range(100):
            metrics = points(1000, number * 1000, keys=1)
            server.post("runs/log-batch", {"run_id": history, "metrics": metrics})
        note("100,000 points in, CPU s", server.cpu() - before)
        path = f"metrics/get-history?run_id={history}&metric_key=m0"
        before = server.cpu()
        read = len(server.get(path)["metrics"])
        note("100,000 points out, CPU s", server.cpu() - before)
        assert read == 100_000, read

        fill(server, runs)
        search = {
            "experiment_ids": ["0"],
            "filter": "metrics.m0 > 0.5 and params.p1 = '1'",
            "order_by": ["metrics.m0 DESC"],
            "max_results": 100,
        }
        note(f"search of {runs} runs ms", server.cost(3 if slow else 20, lambda _: server.post("runs/search", search)))
        plain = {"experiment_ids": ["0"], "max_results": 100}
        note("search without filter ms", server.cost(3 if slow else 50, lambda _: server.post("runs/search", plain)))
        if not slow:
            for what, value in writers(server).items():
                note(what, value)
        note("rss after it MB", total(tree(server.process.pid), "Rss"))
    return found


def fill(server: Server, runs: int) -> None:
    """Runs with 20 metrics and 20 parameters each, over several connections."""

    def some(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        rng = random.Random(first)
        for number in range(first, runs, 8):
            body = {"experiment_id": "0", "start_time": 1_700_000_000_000 + number, "run_name": f"s{number}"}
            run_id = call(connection, "POST", "runs/create", body)["run"]["info"]["run_id"]
            metrics = [{"key": f"m{i}", "value": rng.random(), "timestamp": 1, "step": 0} for i in range(KEYS)]
            params = [{"key": f"p{i}", "value": str(number % 7 if i else i)} for i in range(KEYS)]
            call(connection, "POST", "runs/log-batch", {"run_id": run_id, "metrics": metrics, "params": params})

    threads = [threading.Thread(target=some, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def writers(server: Server) -> dict:
    """64 connections that write single metrics at once. The first error ends the whole series."""
    requests = []
    for run_id in [create(server) for _ in range(WRITERS)]:
        bodies = [{"run_id": run_id, "key": "x", "value": n, "timestamp": n, "step": n} for n in range(WRITES)]
        requests.append(
            [post(server.port, "/api/2.0/mlflow/runs/log-metric", json.dumps(body).encode(), JSON) for body in bodies]
        )
    took = latencies(server.port, requests)
    return {
        f"{WRITERS} writers: p50 wall ms": took[len(took) // 2] * 1000,
        f"{WRITERS} writers: p99 wall ms": took[int(len(took) * 0.99)] * 1000,
    }


def million(folder: Path, command) -> dict:
    """A search of a million runs by an indexed filter."""
    with Server("million", folder, command) as server:
        project = server.project
    database = sqlite3.connect(project / ".mainspring/mainspring.db")
    with database:
        rows = (
            (f"{n:032x}", f"run-{n}", 1_700_000_000_000 + n, f"mlflow-artifacts:/0/{n:032x}/artifacts")
            for n in range(1_000_000)
        )
        database.executemany(
            "INSERT INTO runs (id, experiment, name, user_name, status, start_time, end_time, lifecycle,"
            " artifact_uri, created_by) VALUES (?, 0, ?, 'bench', 'FINISHED', ?, NULL, 'active', ?, 'user:bench')",
            rows,
        )
    database.close()

    def again(_: Path, port: int) -> list[str]:
        return [arguments[0], "server", "--port", str(port)]

    arguments = command(folder / "unused", 0)
    found = {}
    with Server("million", folder, again, project) as server:
        for what, search in {
            "no filter": {"max_results": 100},
            "by name": {"filter": "attributes.run_name = 'run-777777'", "max_results": 100},
            "by start": {"filter": "attributes.start_time > 1700000999000", "max_results": 100},
        }.items():
            body = {"experiment_ids": ["0"], **search}
            server.post("runs/search", body)
            found[f"1,000,000 runs, {what} ms"] = server.cost(10, lambda _, body=body: server.post("runs/search", body))
            print(f"million: {what}: {found[f'1,000,000 runs, {what} ms']:.3f}", file=sys.stderr)
    return found


def show(results: dict) -> None:
    names = list(results)
    print("| | " + " | ".join(names) + (" | ratio |" if len(names) == 2 else " |"))
    print("|---|" + "---:|" * (len(names) + (len(names) == 2)))
    for what in results[names[0]]:
        cells = [results[name].get(what) for name in names]
        line = f"| {what} | " + " | ".join("–" if cell is None else f"{cell:.3f}" for cell in cells)
        if len(cells) == 2:
            line += f" | {cells[1] / cells[0]:.0f}" if all(cells) else " | –"
        print(line + " |")


if __name__ == "__main__":
    raise SystemExit(main())
