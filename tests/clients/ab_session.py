"""A/B tests of real models of the flights project, with live requests and labels that come later.

    ab_session.py URL BINARY

Trains a weak, a good and a slow model, puts the weak one in charge, and lets the server decide:
the good one wins and is rolled out; two arms that are the same have no winner; the slow one keeps
away because of its latency; where one arm loses labels, and where one loses its logs, the test is
stopped.
"""

import json
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
from flights.features import CATEGORIES, features, late
from flights.model import late_classifier
from make_months import load_year
from mlflow.models import infer_signature

URL, BINARY = sys.argv[1:]
MODEL = "flights"


class Slow(mlflow.pyfunc.PythonModel):
    """A good model that takes its time."""

    def __init__(self, model):
        self.model = model

    def predict(self, context, model_input, params=None):
        time.sleep(0.03)
        return self.model.predict_proba(model_input)


def mainspring(*arguments, code=0):
    ended = subprocess.run([BINARY, *arguments, "--url", URL], capture_output=True, text=True)
    assert ended.returncode == code, f"{arguments}: {ended.stdout}{ended.stderr}"
    return ended.stdout


def until(what, holds, patience=90):
    since = time.monotonic()
    while not (found := holds()):
        assert time.monotonic() - since < patience, f"waited in vain for {what}"
        time.sleep(0.2)
    return found


def post(path, body, headers=None):
    request = urllib.request.Request(
        URL + path, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer), answer.headers


def get(path):
    with urllib.request.urlopen(URL + path, timeout=60) as answer:
        return json.load(answer)


def year():
    flights = load_year().dropna(subset=["arr_delay", "tailnum"])
    numbers = [name for name in flights.columns if name not in {"carrier", "tailnum", "origin", "dest"}]
    flights[numbers] = flights[numbers].astype("float64")
    return flights.sample(60_000, random_state=1).reset_index(drop=True)


def log(model, example, as_code=False):
    with mlflow.start_run():
        if as_code:
            logged = mlflow.pyfunc.log_model(name="model", python_model=Slow(model), input_example=example[:2],
                                          pip_requirements=["scikit-learn"])
        else:
            signature = infer_signature(example, model.predict_proba(example))
            logged = mlflow.sklearn.log_model(
                model, name="model", signature=signature, pyfunc_predict_fn="predict_proba",
                serialization_format="cloudpickle", pip_requirements=["scikit-learn"])
        return mlflow.register_model(logged.model_uri, MODEL).version


def in_charge():
    models = get("/api/v1/models")["models"]
    return next((m["serving"] for m in models if m["name"] == MODEL and m["ready"]), None)


def ask(row, unit, number):
    body = {"dataframe_records": [json.loads(row)]}
    headers = {"X-Request-Id": f"flight-{number}", "X-Mainspring-Key": unit}
    answer, headers = post("/invocations", body, headers)
    assert answer["predictions"], answer
    return int(headers["x-mainspring-model-version"])


def replay(rows, units, labels, first, lost=lambda version, n: False):
    """Sends requests over a few connections; the labels that are not lost come when all are answered."""
    texts = [row.to_json() for _, row in rows.iterrows()]
    numbers = range(first, first + len(texts))
    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(ask, texts, units, numbers))
    told = [{"request_id": f"flight-{n}", "label": int(label)}
            for n, label, version in zip(numbers, labels, versions, strict=True) if not lost(version, n)]
    answer, _ = post(f"/v2/models/{MODEL}/feedback", {"labels": told})
    assert answer["matched"] == len(told), answer


def create(name, text, model=MODEL):
    path = Path(f"{name}.yaml")
    path.write_text(f"name: {name}\n" + (f"model: {model}\n" if model else "") + text)
    mainspring("ab", "create", str(path), "--start")


def decided(name):
    mainspring("ab", "decide", name)
    return get(f"/api/v1/ab/tests/{name}")


def arms(control, candidate):
    return f"arms: [{{name: control, version: {control}}}, {{name: candidate, version: {candidate}}}]\n"


def main():
    mlflow.set_tracking_uri(URL)
    flights = year()
    columns, labels = features(flights), late(flights)
    trained, asked = slice(0, 30_000), slice(30_000, None)
    good = late_classifier(80).fit(columns[trained], labels[trained])
    # Knows where a flight goes, and nothing of the hour or the weather.
    blind = columns.assign(**{name: 0 for name in columns.columns if name not in CATEGORIES})
    weak = late_classifier(3).fit(blind[trained], labels[trained])
    example = columns.head(50)
    one, two, three = log(weak, example), log(good, example), log(good, example, as_code=True)
    rows, outcomes = columns[asked], labels[asked].to_numpy()
    # A plane flies again and again: units are planes, not flights.
    units = flights["tailnum"][asked].to_numpy()

    mainspring("deploy", f"models:/{MODEL}/{one}")
    until("the weak model to be in charge", lambda: in_charge() == int(one))
    metrics = "metrics:\n  brier: {from: brier}\n  latency: {from: latency_ms, cap: 1000}\n"
    goal = "goals: [{metric: brier, better: lower}]\n"
    plan = "plan: {planned_units: 1500, maximum_units: 4000, minimum_runtime: 0s, look_every: 1h"

    create("better", arms(one, two) + metrics + goal + plan + "}\n")
    first, test = 1, None
    for begin in range(0, 8000, 1000):
        until_split(rows, "better")
        piece = slice(begin, begin + 1000)
        replay(rows[piece], units[piece], outcomes[piece], first)
        first += 1000
        test = decided("better")
        if test["status"] == "ended":
            break
    assert test["outcome"] == "`candidate` wins", test
    assert test["rollout"], test
    until("the good model to be in charge", lambda: in_charge() == int(two))
    for number in range(1, test["decision"]["number"] + 1):
        assert "the same, to the last bit" in mainspring("ab", "replay", "better", str(number))

    # Once told that both are the same, and once not: then nobody wins because the data say nothing.
    for name, told, first in [("same", ", same_arms: true", 100_000), ("alike", "", 150_000)]:
        create(name, arms(two, two) + metrics + goal + f"assignment: {{seed: {name}}}\n"
               + f"plan: {{planned_units: 300, maximum_units: 400, minimum_runtime: 0s, look_every: 1h{told}}}\n")
        until_split(rows, name)
        piece = slice(10_000, 11_500)
        replay(rows[piece], units[piece], outcomes[piece], first)
        test = decided(name)
        assert test["outcome"] == "the control stays: the maximum of units was reached without a winner", test

    guard = "guardrails: [{metric: latency, better: lower, scale: log_ratio, margin: 0.5}]\n"
    create("slow", arms(two, three) + metrics + goal + guard + plan + "}\n")
    until_split(rows, "slow")
    piece = slice(12_000, 13_000)
    replay(rows[piece], units[piece], outcomes[piece], 200_000)
    test = decided("slow")
    assert test["outcome"].startswith("the control stays: every candidate violates a guardrail"), test
    assert in_charge() == int(two)

    # One in five labels of the weak model is lost, each request is a unit: what is left is not to be trusted.
    create("lossy", arms(two, one) + metrics + goal + "assignment: {seed: lossy}\n"
           + "plan: {planned_units: 20000, minimum_runtime: 0s, look_every: 1h}\n")
    until_split(rows, "lossy")
    piece = slice(13_000, 15_000)
    replay(rows[piece], [f"visitor-{n}" for n in range(2000)], outcomes[piece], 300_000,
           lost=lambda version, n: version == int(one) and n % 5 == 0)
    test = decided("lossy")
    assert test["outcome"] == "stopped without a result: known outcomes are missing more in one arm", test
    assert not test["rollout"] and in_charge() == int(two)

    # A program of its own serves both models. It tells of each visitor once the answer is there, and the
    # candidate loses one in twenty of these logs.
    create("logless", f"{ARMS_ELSEWHERE}assignment: {{seed: logless}}\nmetrics: {{late: {{event: told, outcome: sum}}}}\n"
           "goals: [{metric: late, better: higher}]\n"
           "plan: {planned_units: 50000, minimum_runtime: 0s, look_every: 1h}\n", model=None)
    scores = [model.predict_proba(rows)[:, 1] for model in (weak, good)]
    for begin in range(0, 60_000, 1000):
        visitors = [(n, f"visitor-{n}", place(f"visitor-{n}", "logless")) for n in range(begin, begin + 1000)]
        logged = [(n, name, arm) for n, name, arm in visitors if arm == 0 or n % 20 != 0]
        answer, _ = post("/api/v1/ab/tests/logless/assignments", {"units": [{"unit": name} for _, name, _ in logged]})
        assert [one["arm"] for one in answer["assignments"]] == [arm for *_, arm in logged]
        post("/api/v1/ab/events", {"events": [
            {"id": f"told-{n}", "name": "told", "unit": name, "value": float(scores[arm][n % len(rows)])}
            for n, name, arm in logged]})
        test = decided("logless")
        if test["status"] == "ended":
            break
    assert test["outcome"] == "stopped without a result: units are not split as planned (sample ratio mismatch)", test
    print("done")


ARMS_ELSEWHERE = "arms: [{name: control}, {name: candidate}]\n"


def place(unit, seed):
    """The arm of a unit, as the GrowthBook SDKs hash it."""
    def fnv(text):
        value = 0x811C9DC5
        for byte in text.encode():
            value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
        return value

    return int(fnv(f"{fnv(seed + unit)}") % 10_000 >= 5_000)


def until_split(rows, name):
    """Until both arms are loaded: from then on units are counted."""
    probes = iter(range(1_000_000, 2_000_000))

    def counted():
        number = next(probes)
        ask(rows.iloc[number % 1000].to_json(), f"{name}-probe-{number}", number)
        mainspring("ab", "decide", name)
        decision = get(f"/api/v1/ab/tests/{name}")["decision"]
        return decision and sum(decision["decision"]["snapshot"]["units"]) > 0

    if get(f"/api/v1/ab/tests/{name}")["status"] == "running":
        until(f"`{name}` to be split", counted)


if __name__ == "__main__":
    main()
