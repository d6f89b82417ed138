#!/usr/bin/env python3
"""What one answered request costs the server, in CPU time.

    python3 bench/serving.py --binary target/release/mainspring --python PYTHON [--json FILE]

PYTHON is an interpreter with tests/clients/serving-requirements.txt. Starts `mainspring server` in an
empty Git project, deploys the same models with a log of each kind, and sends single rows over
connections that are kept alive. The figure is the CPU time of the server's whole process tree, its
model workers included, per request. The server has one core, and the client another, so that the rate
says what one core answers. Then a steady stream of calls is answered with and without a version in the
shadow: the figure is the time from when a call was due until its answer, on all cores. Linux only.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from idle import memory_total, run, serve, stop, total, tree
from load import paced, pin, post, saturate

ROOT = Path(__file__).resolve().parent.parent
CONNECTIONS = (1, 8, 64)
LOGS = {"durable": 'mode = "durable"', "buffered": 'mode = "buffered"', "none": "sample = 0.0"}
MODELS = {"onnx": "onnx_matrix", "pyfunc": "matrix"}
ROLLOUT = """kind: Rollout
metadata: { name: bench }
spec: { strategy: { canary: { steps: [{ setWeight: 100 }] } } }
"""
SHADOW = """kind: Rollout
metadata: { name: shadow }
spec:
  strategy:
    canary:
      trafficRouting: { managedRoutes: [{ name: copy }] }
      steps:
        - setMirrorRoute: { name: copy, percentage: 100, match: [{ path: { prefix: / } }] }
        - pause: {}
"""
RATE = 1000
REGISTER = """
import sys
import mlflow
from mlflow import MlflowClient

client = MlflowClient()
for name, folder in (pair.split("=") for pair in sys.argv[1:]):
    with mlflow.start_run() as run:
        mlflow.log_artifacts(folder, "model")
    client.create_registered_model(name)
    for _ in range(2):
        client.create_model_version(name, f"{run.info.artifact_uri}/model", run.info.run_id)
"""
OWN_TIME = """
import sys, time
import mlflow, numpy as np

model = mlflow.pyfunc.load_model(sys.argv[1])
row = np.ones((1, 30), dtype=np.float32)
for _ in range(200):
    model.predict(row)
began = time.process_time()
for _ in range(2000):
    model.predict(row)
print((time.process_time() - began) / 2000 * 1e6)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, required=True, help="the mainspring binary")
    parser.add_argument("--python", type=Path, required=True, help="an interpreter that has the models' packages")
    parser.add_argument("--seconds", type=float, default=4, help="how long each point is measured")
    parser.add_argument("--json", type=Path, help="write the figures as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mainspring-bench-") as name:
        results = measure(Path(name), options)
    machine = {"cores": os.cpu_count(), "memory_gb": round(memory_total() / 1e9)}
    for what, value in results.items():
        print(f"{what:44} {value:10.1f}")
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "results": results}, indent=2) + "\n")
    return 0


def measure(folder: Path, options) -> dict:
    # Not resolved: a virtual environment is known by the path of its link.
    python = options.python.absolute()
    models = folder / "models"
    subprocess.run([python, "-W", "ignore", ROOT / "tests/clients/serving_models.py", models, *MODELS.values()], check=True)
    own = float(run(python, "-W", "ignore", "-c", OWN_TIME, str(models / "matrix")))
    results = {"pyfunc: the model's own time, us": own}
    project = folder / "project"
    subprocess.run(["git", "init", "--quiet", str(project)], check=True)
    deployed = {f"{kind}-{log}": (MODELS[kind], rules) for kind in MODELS for log, rules in LOGS.items()}
    rules = "".join(
        f'[model.{name}]\nrollout = "rollout.yaml"\n[model.{name}.log]\n{rules}\n' for name, (_, rules) in deployed.items()
    )
    rules += f'[model.shadowed]\nrollout = "shadow.yaml"\n[model.shadowed.log]\n{LOGS["buffered"]}\n'
    (project / "mainspring.toml").write_text(f'[project]\nname = "bench"\npython = "{python}"\n{rules}')
    (project / "rollout.yaml").write_text(ROLLOUT)
    (project / "shadow.yaml").write_text(SHADOW)
    server, port = serve(options.binary, project)
    try:
        names = [f"{name}={models / model}" for name, (model, _) in deployed.items()]
        names.append(f"shadowed={models / MODELS['onnx']}")
        environment = os.environ | {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"}
        subprocess.run([python, "-W", "ignore", "-c", REGISTER, *names], check=True, env=environment, stdout=subprocess.DEVNULL)
        for name in deployed:
            deploy(port, name)
        pin(server.pid, [0])
        os.sched_setaffinity(0, [os.cpu_count() - 1])
        for name in deployed:
            for form, request in forms(port, name).items():
                for connections in CONNECTIONS:
                    cost, rate = saturate(server.pid, port, request, connections, options.seconds)
                    what = f"{name}, {form}, c={connections}"
                    results |= {f"{what}: CPU us": cost, f"{what}: per second": rate}
                    print(f"{what}: {cost:.1f} us, {rate:.0f}/s", file=sys.stderr)
        pin(server.pid, range(os.cpu_count()))
        os.sched_setaffinity(0, range(os.cpu_count()))
        results |= shadow(port, options.seconds)
        results["rss MB"] = total(tree(server.pid), "Rss")
    finally:
        stop(server)
    return results


def shadow(port: int, seconds: float) -> dict:
    """How long answers take, alone and with copies going to a second version, in turns."""
    deploy(port, "shadowed")
    request = forms(port, "shadowed")["binary"]
    took = {"alone": [], "with a shadow": []}
    for _ in range(3):
        took["alone"] += paced(port, request, RATE, seconds)
        send(port, "deployments/shadowed", {"version": 2})
        wait(port, "shadowed/versions/2")
        took["with a shadow"] += paced(port, request, RATE, seconds)
        (newest,) = get(port, "rollouts?model=shadowed&limit=1")["rollouts"]
        send(port, f"rollouts/{newest['id']}/abort", {})
    results = {}
    for what, times in took.items():
        times.sort()
        for share in (0.5, 0.99, 0.999):
            results[f"{RATE} per second, {what}: p{share * 100:g} us"] = times[int(len(times) * share)] * 1e6
    return results


def deploy(port: int, name: str) -> None:
    send(port, f"deployments/{name}", {"version": 1})
    wait(port, name)


def send(port: int, path: str, body: dict) -> None:
    url = f"http://127.0.0.1:{port}/api/v1/{path}"
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=30).read()


def get(port: int, path: str):
    return json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/{path}", timeout=30))


def wait(port: int, name: str) -> None:
    """Until a model, or a version of it, is ready."""
    url = f"http://127.0.0.1:{port}"
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            if urllib.request.urlopen(f"{url}/v2/models/{name}/ready", timeout=30).status == 200:
                return
        except urllib.error.HTTPError:
            time.sleep(0.1)
    raise SystemExit(f"{name} was not ready")


def forms(port: int, name: str) -> dict[str, bytes]:
    """One row of thirty numbers, as JSON and as bytes."""
    import struct

    row = [((i * 7919) % 100) / 8 for i in range(30)]
    head = {"name": "X", "shape": [1, 30], "datatype": "FP32"}
    plain = json.dumps({"inputs": [head | {"data": row}]}).encode()
    described = json.dumps({"inputs": [head | {"parameters": {"binary_data_size": 120}}]}).encode()
    raw = struct.pack("<30f", *row)
    path = f"/v2/models/{name}/infer"
    length = f"Inference-Header-Content-Length: {len(described)}\r\n"
    return {"json": post(port, path, plain), "binary": post(port, path, described + raw, length)}


if __name__ == "__main__":
    sys.exit(main())
