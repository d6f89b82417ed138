#!/usr/bin/env python3
"""What a look at a running A/B test costs: the first one, which reads all, and those after it, which read what is new.

    python3 bench/looks.py --binary target/release/mainspring [--units 400000] [--metrics 10] [--batch 500]

Fills the store of an empty project with the units of a test and one event of each unit for each metric, starts
`mainspring server`, and measures its CPU time and memory for the first look and for looks after new batches of events.
Linux only.
"""

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from idle import cpu_seconds, serve, stop, tree

LOOKS = 5
HOUR = 3_600_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, required=True, help="the mainspring binary")
    parser.add_argument("--units", type=int, default=400_000, help="units of the test")
    parser.add_argument("--metrics", type=int, default=10, help="metrics of the test")
    parser.add_argument("--batch", type=int, default=500, help="events that come between two looks")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mainspring-bench-") as name:
        measure(Path(name) / "project", options)
    return 0


def measure(project: Path, options) -> None:
    subprocess.run(["git", "init", "--quiet", str(project)], check=True)
    server, port = serve(options.binary, project)
    try:
        call(port, "POST", "/api/v1/ab/tests", {"spec": description(options.metrics)})
        call(port, "POST", "/api/v1/ab/tests/bench/do/start", {})
        test = call(port, "GET", "/api/v1/ab/tests/bench")["id"]
        look(port)
        start_alone = cpu_seconds(tree(server.pid))
    finally:
        stop(server)
    fill(project / ".mainspring/mainspring.db", test, options)
    server, port = serve(options.binary, project)
    try:
        # It begins with a look of its own.
        units = look(port)
        spent = cpu_seconds(tree(server.pid)) - start_alone
        print(f"{units} units, {options.metrics} metrics: the first look {spent:.2f} CPU s,")
        print(f"memory {memory(server.pid, 'VmRSS')} MB after it, {memory(server.pid, 'VmHWM')} at its highest")
        spent = [look_after(server.pid, port, number, options) for number in range(LOOKS)]
        shown = ", ".join(f"{seconds * 1000:.0f}" for seconds in spent)
        print(f"looks after {options.batch} events each: {shown} CPU ms; memory {memory(server.pid, 'VmHWM')} MB at its highest")
    finally:
        stop(server)


def description(metrics: int) -> str:
    named = "".join(f"  m{n}: {{event: e{n}, outcome: sum}}\n" for n in range(metrics))
    goals = ", ".join(f"{{metric: m{n}, better: higher}}" for n in range(metrics))
    # Looks are asked for, and nobody wins meanwhile.
    plan = "plan: {planned_units: 100000000, minimum_runtime: 30d, look_every: 30d}"
    return f"name: bench\narms: [{{name: a}}, {{name: b}}]\nmetrics:\n{named}goals: [{goals}]\n{plan}\n"


def fill(database: Path, test: str, options) -> None:
    """Adds the units, and their events of an hour ago."""
    now = int(time.time() * 1000) - HOUR
    rows = sqlite3.connect(database)
    rows.execute("PRAGMA synchronous = OFF")
    names = [f"unit-{n:08}" for n in range(options.units)]
    exposures = ((test, unit, n % 2, now, now) for n, unit in enumerate(names))
    rows.executemany(
        "INSERT INTO ab_exposures (test, phase, unit, arm, first, times, crossed, changed) VALUES (?, 1, ?, ?, ?, 1, 0, ?)",
        exposures,
    )
    for metric in range(options.metrics):
        events = ((f"{metric}-{n:08}", f"e{metric}", unit, n % 17 / 4, now + 1, now) for n, unit in enumerate(names))
        rows.executemany(
            "INSERT INTO metric_events (id, name, unit, value, time, received) VALUES (?, ?, ?, ?, ?, ?)", events
        )
    rows.commit()
    rows.close()


def look_after(pid: int, port: int, number: int, options) -> float:
    """CPU seconds of the look that follows a batch of events of as many units."""
    events = [
        {"id": f"new-{number}-{i}", "name": f"e{i % options.metrics}", "unit": f"unit-{(number * 7919 + i * 97) % options.units:08}", "value": 1.0}
        for i in range(options.batch)
    ]
    call(port, "POST", "/api/v1/ab/events", {"events": events})
    before = cpu_seconds(tree(pid))
    look(port)
    return cpu_seconds(tree(pid)) - before


def look(port: int) -> int:
    return sum(call(port, "POST", "/api/v1/ab/tests/bench/do/decide", {})["decision"]["snapshot"]["units"])


def call(port: int, method: str, path: str, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=data, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=600) as answer:
        return json.load(answer)


def memory(pid: int, field: str) -> int:
    """Megabytes of a field of /proc/PID/status."""
    status = Path(f"/proc/{pid}/status").read_text()
    return round(int(status.split(f"{field}:")[1].split()[0]) / 1000)


if __name__ == "__main__":
    sys.exit(main())
