#!/usr/bin/env python3
"""How many events of A/B tests one core takes durably, and whether a kill loses or doubles any.

    python3 bench/events.py --binary target/release/mainspring [--batch 500] [--seconds 5]

Starts `mainspring server` in an empty Git project with one core, and sends batches of events over kept-alive
connections from another. Then the server is killed (SIGKILL) in the middle of a stream, started again, and all that was
not acknowledged is sent once more: what is stored must be what was sent, each event once. Linux only.
"""

import argparse
import json
import os
import selectors
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from idle import cpu_seconds, serve, stop, tree
from load import Connection, latencies, pin, post

CONNECTIONS = 4
HEADERS = "Content-Type: application/json\r\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, required=True, help="the mainspring binary")
    parser.add_argument("--batch", type=int, default=500, help="events of one call")
    parser.add_argument("--seconds", type=float, default=5, help="about how long events are sent")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mainspring-bench-") as name:
        measure(Path(name) / "project", options)
    return 0


def measure(project: Path, options) -> None:
    subprocess.run(["git", "init", "--quiet", str(project)], check=True)
    os.sched_setaffinity(0, [os.cpu_count() - 1])
    server, port = start(project, options)
    try:
        calls = max(CONNECTIONS, int(options.seconds * 20_000 / options.batch))
        bodies = [batch(port, number, options.batch) for number in range(calls)]
        before, began = cpu_seconds(tree(server.pid)), time.monotonic()
        took = latencies(port, [bodies[first::CONNECTIONS] for first in range(CONNECTIONS)])
        seconds, cpu = time.monotonic() - began, cpu_seconds(tree(server.pid)) - before
        sent = calls * options.batch
        print(f"{sent} events in {seconds:.2f} s: {sent / seconds:.0f} per second, {cpu / sent * 1e6:.1f} us CPU each")
        print(f"a call of {options.batch}: half within {took[calls // 2] * 1e3:.0f} ms, 99 % within {took[int(calls * 0.99)] * 1e3:.0f} ms")
        rest = interrupted(server, port, range(calls, 2 * calls), options.batch)
    finally:
        stop(server)
    server, port = start(project, options)
    try:
        latencies(port, [[batch(port, number, options.batch) for number in rest]])
    finally:
        stop(server)
    database = sqlite3.connect(project / ".mainspring/mainspring.db")
    stored, distinct = database.execute("SELECT COUNT(*), COUNT(DISTINCT id) FROM metric_events").fetchone()
    expected = 2 * calls * options.batch
    print(f"killed with {len(rest)} calls to go, which were sent after the restart: {stored} stored, {expected} sent")
    if (stored, distinct) != (expected, expected):
        raise SystemExit("the server does not hold what was sent")


def start(project: Path, options) -> tuple[subprocess.Popen, int]:
    server, port = serve(options.binary, project)
    pin(server.pid, [0])
    return server, port


def batch(port: int, number: int, size: int) -> bytes:
    """Events of a fixed time, so that sending them again sends the same."""
    events = [
        {"id": f"e-{number}-{i}", "name": "paid", "unit": f"u-{(number * size + i) % 50_000}", "value": i / 8, "time": "2026-02-01T10:00:00Z"}
        for i in range(size)
    ]
    return post(port, "/api/v1/ab/events", json.dumps({"events": events}).encode(), HEADERS)


def interrupted(server: subprocess.Popen, port: int, numbers: range, size: int) -> list[int]:
    """Kills the server half-way; gives the calls that were not acknowledged."""
    waiting = list(numbers)
    acknowledged = set()
    selector = selectors.DefaultSelector()
    at_work = {}
    for _ in range(CONNECTIONS):
        connection = Connection(port, b"")
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        send_next(connection, at_work, waiting, port, size)
    while len(acknowledged) < len(numbers) // 2:
        for key, _ in selector.select():
            if key.data.answered():
                acknowledged.add(at_work[key.data])
                send_next(key.data, at_work, waiting, port, size)
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()
    return [number for number in numbers if number not in acknowledged]


def send_next(connection: Connection, at_work: dict, waiting: list[int], port: int, size: int) -> None:
    at_work[connection] = waiting.pop(0)
    connection.request = batch(port, at_work[connection], size)
    connection.ask()


if __name__ == "__main__":
    sys.exit(main())
