#!/usr/bin/env python3
"""What it costs to send a large artifact through the server and back.

    python3 bench/artifacts.py --binary target/release/mainspring [--megabytes 500] [--destination URI]

Starts `mainspring server` in an empty Git project, uploads a file of random bytes through the artifact
proxy, downloads it again, uploads it under a second name, and compares what came back. For each step:
seconds, CPU seconds of the server, and the growth of the resident memory that the process itself holds
(files in the page cache are not counted) against the time before, at its highest. Beside it the speed at
which this disk takes and gives the same file. Linux only: figures come from /proc.
"""

import argparse
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PIECE = 1 << 20
READY_LIMIT = 60.0
PROXY = "/api/2.0/mlflow-artifacts/artifacts"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, required=True, help="the mainspring binary")
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--destination", help="--artifacts-destination of the server")
    parser.add_argument("--peers", action="store_true", help="taken; there is no peer to measure here")
    parser.add_argument("--json", type=Path, help="write the figures as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mainspring-bench-") as name:
        folder = Path(name)
        source = folder / "source"
        results = {"disk": disk(source, options.megabytes)}
        project = folder / "project"
        subprocess.run(["git", "init", "--quiet", str(project)], check=True)
        port = options.port or free_port()
        command = [str(options.binary.resolve()), "server", "--port", str(port)]
        if options.destination:
            command += ["--artifacts-destination", options.destination]
        server = subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until_ready(port, server)
            small = folder / "small"
            small.write_bytes(b"warm")
            put(port, small, "0/warm")
            get(port, "0/warm")
            results["upload"] = watched(server.pid, lambda: put(port, source, "0/large"))
            results["download"] = watched(server.pid, lambda: get(port, "0/large"))
            expected = hashlib.sha256()
            with source.open("rb") as file:
                while piece := file.read(PIECE):
                    expected.update(piece)
            if results["download"].pop("answer") != expected.hexdigest():
                raise SystemExit("what came back is not what was sent")
            results["the same again"] = watched(server.pid, lambda: put(port, source, "0/again"))
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(20)
    for step in results.values():
        step.pop("answer", None)
    show(results, options.megabytes)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0


def disk(source: Path, megabytes: int) -> dict:
    """Writes the file with a sync and reads it, as the disk and the cache allow."""
    began = time.monotonic()
    block = os.urandom(PIECE)
    with source.open("wb") as file:
        for number in range(megabytes):
            file.write(number.to_bytes(8, "big") + block[8:])
        file.flush()
        os.fsync(file.fileno())
    written = time.monotonic()
    with source.open("rb") as file:
        while file.read(PIECE):
            pass
    return {"write and sync, s": written - began, "read, s": time.monotonic() - written}


def watched(pid: int, work) -> dict:
    """Runs a step while the server's memory is watched."""
    before, cpu = resident(pid), cpu_seconds(pid)
    highest, done = [before], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            highest[0] = max(highest[0], resident(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    try:
        answer = work()
    finally:
        seconds = time.monotonic() - began
        done.set()
        watcher.join()
    return {
        "s": seconds,
        "CPU, s": cpu_seconds(pid) - cpu,
        "growth, MB": (highest[0] - before) / 1e6,
        "answer": answer,
    }


def put(port: int, file: Path, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600, blocksize=256 << 10)
    with file.open("rb") as body:
        connection.request("PUT", f"{PROXY}/{path}", body, {"Content-Length": str(file.stat().st_size)})
        answer = connection.getresponse()
        if answer.status != 200:
            raise SystemExit(f"upload: {answer.status} {answer.read()!r}")
        answer.read()
    connection.close()


def get(port: int, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("GET", f"{PROXY}/{path}")
    answer = connection.getresponse()
    if answer.status != 200:
        raise SystemExit(f"download: {answer.status} {answer.read()!r}")
    digest = hashlib.sha256()
    while piece := answer.read(PIECE):
        digest.update(piece)
    connection.close()
    return digest.hexdigest()


def resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def wait_until_ready(port: int, server: subprocess.Popen) -> None:
    end = time.monotonic() + READY_LIMIT
    while time.monotonic() < end:
        if server.poll() is not None:
            raise SystemExit("the server ended")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    raise SystemExit("the server does not answer")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def show(results: dict, megabytes: int) -> None:
    print(f"{megabytes} MB")
    for step, figures in results.items():
        text = ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
        print(f"  {step}: {text}")


if __name__ == "__main__":
    raise SystemExit(main())
