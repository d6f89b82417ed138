"""A model worker without a model, for tests: standard library only.

`behaviour.json` in the model's folder says how it loads; the parameters of a request say what
becomes of that request.
"""

import json
import os
import struct
import sys
import time


def read(count):
    data = b""
    while len(data) < count:
        part = os.read(0, count - len(data))
        if not part:
            sys.exit(0)
        data += part
    return data


def write(data):
    while data:
        data = data[os.write(0, data) :]


def send(message):
    body = json.dumps(message).encode()
    write(struct.pack(">I", len(body)) + body)


def answer(behaviour, request):
    params = request.get("params") or {}
    if "sleep" in params:
        time.sleep(params["sleep"])
    if params.get("die"):
        os._exit(7)
    if params.get("garbage"):
        write(struct.pack(">I", 7) + b"garbage")
        return None
    if params.get("huge"):
        write(struct.pack(">I", 0xFFFFFFFF))
        return None
    if "raise" in params:
        return {"error": {"type": "ValueError", "message": params["raise"], "kind": "model"}}
    if "refuse" in params:
        return {"error": {"type": "InputError", "message": params["refuse"], "kind": "input"}}
    if params.get("nothing"):
        return {}
    if params.get("pid"):
        return {"predictions": [os.getpid() for _ in request["data"]]}
    if params.get("echo"):
        return {"predictions": [dict(zip(request["columns"] or [], row)) for row in request["data"]]}
    if params.get("short"):
        return {"predictions": []}
    return {"predictions": [behaviour.get("answer", 0.5) for _ in request["data"]]}


def main():
    folder = sys.argv[sys.argv.index("--model") + 1]
    with open(os.path.join(folder, "behaviour.json")) as file:
        behaviour = json.load(file)
    print("worker for", os.environ.get("MAINSPRING_ROLE"), flush=True)
    load = behaviour.get("load", "ready")
    if load == "fail":
        send({"type": "failed", "error": {"type": "ModuleNotFoundError", "message": "No module named 'lightgbm'"}})
        return
    if load == "die":
        os._exit(3)
    if load == "hang":
        time.sleep(300)
    if load == "garbage":
        write(struct.pack(">I", 5) + b"hello")
        time.sleep(300)
    time.sleep(behaviour.get("load_seconds", 0))
    send({"type": "ready", "inputs": behaviour.get("inputs"), "outputs": behaviour.get("outputs")})
    while True:
        (length,) = struct.unpack(">I", read(4))
        request = json.loads(read(length))
        reply = answer(behaviour, request)
        if reply is not None:
            send({"id": request["id"], **reply})


main()
