#!/usr/bin/env python3
"""How long a server takes to start, and what it costs while nothing happens.

    python3 bench/idle.py --binary target/release/mainspring [--peers] [--json FILE]

Starts `mainspring server` in an empty Git project on a free port and measures:
the time until `GET /health` answers, the CPU seconds spent until then, and,
after ten seconds of rest, the memory and the number of processes. `--peers`
installs MLflow into a virtual environment and measures `mlflow server` on
SQLite in the same way. Linux only: figures come from /proc.
"""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

STARTS = 5
REST = 10.0
READY_LIMIT = 120.0
MLFLOW = "3.18.0"
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, required=True, help="the mainspring binary")
    parser.add_argument("--peers", action="store_true", help="measure MLflow too (installs it: some minutes)")
    parser.add_argument("--venv", type=Path, help="keep MLflow's virtual environment here and use it again")
    parser.add_argument("--json", type=Path, help="write the figures as JSON")
    options = parser.parse_args()
    binary = options.binary.resolve()
    if not binary.is_file():
        parser.error(f"there is no file {binary}")
    with tempfile.TemporaryDirectory(prefix="mainspring-bench-") as name:
        folder = Path(name)
        results = [measure("mainspring", folder, mainspring_command(binary))]
        if options.peers:
            python = mlflow_python(options.venv or folder / "venv")
            version = run(python, "-c", "import mlflow; print(mlflow.__version__)").strip()
            results.append(measure(f"mlflow {version}", folder, mlflow_command(python)))
    machine = {"cores": os.cpu_count(), "memory_gb": round(memory_total() / 1e9)}
    show(results, machine)
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "results": results}, indent=2) + "\n")
    return 0


# What is measured


def mainspring_command(binary: Path):
    def start(project: Path, port: int) -> list[str]:
        subprocess.run(["git", "init", "--quiet", str(project)], check=True)
        return [str(binary), "server", "--port", str(port)]

    return start


def mlflow_command(python: Path):
    def start(project: Path, port: int) -> list[str]:
        project.mkdir()
        uri = f"sqlite:///{project}/mlflow.db"
        program = str(python.with_name("mlflow"))
        return [program, "server", "--host", "127.0.0.1", "--port", str(port), "--backend-store-uri", uri]

    return start


def measure(name: str, folder: Path, command) -> dict:
    starts = []
    for number in range(STARTS):
        project = folder / f"{name.split()[0]}-{number}"
        port = free_port()
        arguments = command(project, port)
        with (folder / "server.log").open("w") as log:
            began = time.monotonic()
            process = subprocess.Popen(
                arguments, cwd=project, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
            try:
                ready = wait_until_healthy(process, port, began, folder / "server.log")
                cpu = cpu_seconds(tree(process.pid))
                time.sleep(REST)
                processes = tree(process.pid)
                starts.append(
                    {
                        "ready_s": ready,
                        "cpu_s": cpu,
                        "rss_mb": total(processes, "Rss"),
                        "pss_mb": total(processes, "Pss"),
                        "idle_cpu_s": max(0.0, cpu_seconds(processes) - cpu),
                        "processes": len(processes),
                    }
                )
            finally:
                stop(process)
        print(f"{name}: start {number + 1} of {STARTS}: ready after {starts[-1]['ready_s']:.3f} s", file=sys.stderr)
    medians = {key: statistics.median(start[key] for start in starts) for key in starts[0]}
    fastest = min(start["ready_s"] for start in starts)
    return {"name": name, **medians, "fastest_s": fastest, "starts": starts}


def wait_until_healthy(process: subprocess.Popen, port: int, began: float, log: Path) -> float:
    # Any answer but "not there yet" counts: MLflow's proxy settings must not send us elsewhere.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() - began < READY_LIMIT:
        try:
            with opener.open(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                if answer.read().strip() == b"OK":
                    return time.monotonic() - began
        except (urllib.error.URLError, OSError):
            pass
        if process.poll() is not None:
            raise SystemExit(f"the server ended with code {process.returncode}:\n{log.read_text()[-2000:]}")
        time.sleep(0.002)
    raise SystemExit(f"the server was not ready after {READY_LIMIT:.0f} s:\n{log.read_text()[-2000:]}")


def launch(arguments: list[str], project: Path, port: int, log: Path) -> subprocess.Popen:
    """Starts a server in a session of its own, and waits until it is healthy."""
    began = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(
            arguments, cwd=project, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_until_healthy(process, port, began, log)
    except BaseException:
        stop(process)
        raise
    return process


def serve(binary: Path, project: Path) -> tuple[subprocess.Popen, int]:
    """Starts Mainspring's server in a project, its log beside it; gives its port too."""
    port = free_port()
    command = [str(binary.resolve()), "server", "--port", str(port)]
    return launch(command, project, port, project.parent / "server.log"), port


def stop(process: subprocess.Popen) -> None:
    """Ends the server and everything that it started: it has a session of its own."""
    for sign, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    process.poll()


# /proc


def tree(root: int) -> list[int]:
    """The process and all its descendants."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = stat(int(entry.name))
            if fields:
                parents[int(entry.name)] = int(fields[1])
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        if pid in parents:
            found.append(pid)
            waiting.extend(child for child, parent in parents.items() if parent == pid)
    return found


def stat(pid: int) -> list[str] | None:
    """The fields after the name, from the state on."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def cpu_seconds(processes: list[int]) -> float:
    """Own time and that of children which have ended already."""
    ticks = 0
    for pid in processes:
        fields = stat(pid)
        if fields:
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS


def total(processes: list[int], name: str) -> float:
    """Megabytes (10^6 bytes) of all processes."""
    kib = 0
    for pid in processes:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        kib += sum(int(line.split()[1]) for line in lines if line.startswith(name + ":"))
    return kib * 1024 / 1e6


def memory_total() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return 0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


# MLflow


def mlflow_python(venv: Path) -> Path:
    python = venv / "bin" / "python"
    if not (venv / "bin" / "mlflow").exists():
        print("installing MLflow", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if subprocess.run([*pip, f"mlflow=={MLFLOW}"], stderr=subprocess.DEVNULL).returncode:
            # Where the skinny package of this version is missing, the newest one brings the dependencies,
            # and the full package, which holds all of the code, goes over it.
            subprocess.run([*pip, "mlflow>=3,<4"], check=True)
            subprocess.run([*pip, "--no-deps", f"mlflow=={MLFLOW}"], check=False)
    return python


def run(*arguments: object) -> str:
    return subprocess.run([str(a) for a in arguments], check=True, capture_output=True, text=True).stdout


# What is shown


def show(results: list[dict], machine: dict) -> None:
    rows = [
        ("ready after, fastest start", "fastest_s", "{:.3f} s"),
        ("ready after", "ready_s", "{:.3f} s"),
        ("CPU until ready", "cpu_s", "{:.2f} s"),
        ("CPU in 10 s of rest", "idle_cpu_s", "{:.2f} s"),
        ("resident (RSS)", "rss_mb", "{:.0f} MB"),
        ("resident, shared pages divided (PSS)", "pss_mb", "{:.0f} MB"),
        ("processes", "processes", "{:.0f}"),
    ]
    print(f"Median of {STARTS} starts on {machine['cores']} cores with {machine['memory_gb']} GB.\n")
    names = [result["name"] for result in results]
    ratio = ["ratio"] if len(results) > 1 else []
    print("| | " + " | ".join(names + ratio) + " |")
    print("|---|" + "---:|" * (len(names) + len(ratio)))
    for title, key, form in rows:
        cells = [form.format(result[key]) for result in results]
        if ratio:
            first, peer = results[0][key], results[1][key]
            cells.append(f"{float(f'{peer / first:.2g}'):,.0f}" if first else "–")
        print(f"| {title} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    sys.exit(main())
