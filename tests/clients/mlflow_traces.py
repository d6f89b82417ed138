"""Tracing with an unmodified MLflow client against the server at MLFLOW_TRACKING_URI.

Runs with mlflow 2.22 and 3.x, the skinny package included. Ends with exit code 0 only if everything
came out as with MLflow's own server.
"""

import gzip
import json
import os
import time
import urllib.error
import urllib.request
import uuid

# The last spans must have arrived when they are asked for.
os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "false"

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

MAJOR = int(mlflow.__version__.split(".")[0])
SUFFIX = uuid.uuid4().hex[:8]
client = MlflowClient()
steps = []
state = {}


def step(function):
    """Collects the steps in the order in which they are written."""
    steps.append(function)
    return function


def only_3(function):
    """A step that needs the API of MLflow 3."""
    return step(function) if MAJOR >= 3 else function


def refused(code, part, function, *args, **kwargs):
    """Asserts that a call is refused with a code and a message."""
    try:
        function(*args, **kwargs)
    except MlflowException as error:
        assert error.error_code == code, (error.error_code, str(error))
        assert part in str(error), str(error)
    else:
        raise AssertionError(f"{function} was not refused")


def ask(method, path, body=None, headers=None):
    """A request past the client; gives status and body."""
    url = mlflow.get_tracking_uri() + path
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@mlflow.trace(span_type="TOOL", attributes={"flavour": "plain"})
def look_up(word):
    return {"length": len(word), "wörd": word}


@mlflow.trace
def answer(question, limit=0.5):
    with mlflow.start_span(name="think", span_type="LLM") as span:
        span.set_inputs({"q": question})
        span.set_attributes({"model": "m-1", "tokens": 12, "odd": float("nan"), "list": [1, "x", None]})
        span.set_outputs(["a", "b"])
    return look_up(question)


@mlflow.trace
def fail():
    raise ValueError("it did not work")


def find(text="", **kwargs):
    traces = client.search_traces([state["experiment"]], filter_string=text or None, **kwargs)
    return [trace.info.request_id for trace in traces]


@step
def experiment():
    state["experiment"] = mlflow.set_experiment(f"traces-{SUFFIX}").experiment_id
    assert find() == []


@step
def tracing():
    answer("when does it leave?")
    state["first"] = mlflow.get_last_active_trace_id() if MAJOR >= 3 else mlflow.get_last_active_trace().info.request_id
    try:
        fail()
    except ValueError:
        pass
    assert len(find()) == 2
    trace = client.get_trace(state["first"])
    info = trace.info
    assert info.request_id == state["first"] and str(info.experiment_id) == state["experiment"]
    assert str(info.status).endswith("OK") and info.execution_time_ms >= 0
    assert info.tags["mlflow.traceName"] == "answer"
    spans = {span.name: span for span in trace.data.spans}
    assert set(spans) == {"answer", "think", "look_up"}, spans
    root = spans["answer"]
    assert root.parent_id is None and {span.parent_id for span in spans.values()} == {None, root.span_id}
    assert root.inputs == {"question": "when does it leave?", "limit": 0.5}
    assert root.outputs == {"length": 19, "wörd": "when does it leave?"}
    assert spans["look_up"].span_type == "TOOL" and spans["look_up"].get_attribute("flavour") == "plain"
    think = spans["think"]
    assert think.inputs == {"q": "when does it leave?"} and think.outputs == ["a", "b"]
    assert think.get_attribute("tokens") == 12 and think.get_attribute("list") == [1, "x", None]
    assert think.get_attribute("odd") != think.get_attribute("odd"), "NaN"
    assert think.start_time_ns <= think.end_time_ns
    [failed] = [trace for trace in client.search_traces([state["experiment"]]) if str(trace.info.status).endswith("ERROR")]
    state["failed"] = failed.info.request_id
    [span] = failed.data.spans
    assert span.status.description == "ValueError: it did not work"
    assert span.events[0].name == "exception" and span.events[0].attributes["exception.type"] == "ValueError"


@step
def tags():
    client.set_trace_tag(state["first"], "kind", "test")
    assert client.get_trace(state["first"]).info.tags["kind"] == "test"
    assert find("tags.kind = 'test'") == [state["first"]]
    client.delete_trace_tag(state["first"], "kind")
    assert "kind" not in client.get_trace(state["first"]).info.tags
    refused("RESOURCE_DOES_NOT_EXIST", "No trace tag with key", client.delete_trace_tag, state["first"], "kind")
    tag = json.dumps({"key": "mlflow.artifactLocation", "value": "x"}).encode()
    path = f"/api/2.0/mlflow/traces/{state['first']}/tags"
    status, body = ask("PATCH", path, tag, {"Content-Type": "application/json"})
    assert status == 400 and b"is immutable" in body, body
    refused("RESOURCE_DOES_NOT_EXIST", "Trace with ID", client.set_trace_tag, "tr-none", "k", "v")


@step
def search():
    both = {state["first"], state["failed"]}
    assert find("status = 'OK'") == [state["first"]]
    assert find("attributes.status != 'OK'") == [state["failed"]]
    assert set(find(f"timestamp_ms > 0 AND timestamp < {int(time.time() * 1000) + 60_000}")) == both
    assert find("timestamp_ms < 1000") == []
    assert find("name = 'answer'") == [state["first"]]
    assert find("tag.`mlflow.traceName` = 'fail'") == [state["failed"]]
    assert set(find(order_by=["timestamp_ms ASC"])) == both
    assert find(order_by=["timestamp_ms ASC"]) == list(reversed(find(order_by=["timestamp_ms DESC"])))
    page = client.search_traces([state["experiment"]], max_results=1)
    assert len(page) == 1 and page.token
    rest = client.search_traces([state["experiment"]], max_results=1, page_token=page.token)
    assert len(rest) == 1 and not rest.token and rest[0].info.request_id != page[0].info.request_id
    refused("INVALID_PARAMETER_VALUE", "Invalid attribute key 'colour'", find, "colour = 'red'")
    refused("INVALID_PARAMETER_VALUE", "Invalid clause(s)", find, "status = 'OK' OR status = 'ERROR'")
    refused("INVALID_PARAMETER_VALUE", "max_results", find, max_results=501)


@only_3
def search_of_version_3():
    first, failed = state["first"], state["failed"]
    for text, found in [
        ("name LIKE 'ans%'", [first]),
        ("name ILIKE 'ANS%'", [first]),
        ("name RLIKE '^f.*l$'", [failed]),
        ("request_id IN ('x', '%s')" % first, [first]),
        ("span.name = 'think' AND span.type = 'LLM'", [first]),
        ("span.name = 'think' AND span.type = 'TOOL'", []),
        ("span.status = 'ERROR'", [failed]),
        ("span.attributes.flavour = 'plain'", [first]),
        ("span.attributes.flavour LIKE 'pl%'", [first]),
        ("span.attributes.flavour LIKE 'lain%'", []),
        ("span.attributes.flavour RLIKE '^pl.in$'", [first]),
        ("span.attributes.tokens = '12'", [first]),
        ("trace.text LIKE '%when does it leave%'", [first]),
        ("trace.text LIKE '%WHEN does%'", []),
        ("metadata.`mlflow.trace_schema.version` = '3' AND status = 'OK'", [first]),
        ("execution_time_ms >= 0 AND end_time > 0 AND status = 'ERROR'", [failed]),
    ]:
        assert find(text) == found, (text, find(text))
    refused("INVALID_PARAMETER_VALUE", "Invalid span attribute 'colour'", find, "span.colour = 'red'")
    refused("INVALID_PARAMETER_VALUE", "not a regular expression", find, "name RLIKE '('")
    frame = mlflow.search_traces(experiment_ids=[state["experiment"]], return_type="list")
    assert {trace.info.trace_id for trace in frame} == {first, failed}


@only_3
def assessments():
    from mlflow.entities import AssessmentSource

    first = state["first"]
    human = AssessmentSource(source_type="HUMAN", source_id="ann@example.com")
    feedback = mlflow.log_feedback(
        trace_id=first, name="correct", value=True, source=human, rationale="looked it up", metadata={"round": "1"}
    )
    assert feedback.assessment_id.startswith("a-") and feedback.valid
    score = mlflow.log_feedback(trace_id=first, name="score", value=0.75)
    expected = mlflow.log_expectation(trace_id=first, name="answer", value={"leaves": ["10:15"], "late": False})
    mlflow.log_feedback(trace_id=state["failed"], name="judge", error=ValueError("no answer"))
    held = mlflow.get_assessment(first, feedback.assessment_id)
    assert held.value is True and held.rationale == "looked it up" and held.metadata == {"round": "1"}
    assert held.source.source_id == "ann@example.com"
    assert mlflow.get_assessment(first, expected.assessment_id).value == {"leaves": ["10:15"], "late": False}
    trace = client.get_trace(first)
    assert {item.name for item in trace.info.assessments} == {"correct", "score", "answer"}
    [failed] = client.get_trace(state["failed"]).info.assessments
    assert failed.error.error_code == "ValueError" and failed.error.error_message == "no answer"
    for text, found in [
        ("feedback.correct = 'true'", [first]),
        ("feedback.correct != 'true'", []),
        ("feedback.score > 0.7", [first]),
        ("feedback.score > 0.75", []),
        ("expectation.answer LIKE '%10:15%'", [first]),
        ("feedback.judge IS NOT NULL", [state["failed"]]),
        ("feedback.judge IS NULL", [first]),
    ]:
        assert find(text) == found, (text, find(text))
    better = mlflow.override_feedback(
        trace_id=first, assessment_id=feedback.assessment_id, value=False, rationale="the other airport"
    )
    assert mlflow.get_assessment(first, feedback.assessment_id).valid is False
    assert find("feedback.correct = 'true'") == [] and find("feedback.correct = 'false'") == [first]
    mlflow.delete_assessment(trace_id=first, assessment_id=better.assessment_id)
    assert mlflow.get_assessment(first, feedback.assessment_id).valid is True
    from mlflow.entities import Feedback

    changed = mlflow.update_assessment(first, score.assessment_id, Feedback(name="score", value=0.25))
    assert changed.value == 0.25 and mlflow.get_assessment(first, score.assessment_id).value == 0.25
    refused("RESOURCE_DOES_NOT_EXIST", "not found for trace", mlflow.get_assessment, first, better.assessment_id)
    refused("RESOURCE_DOES_NOT_EXIST", "not found", mlflow.get_assessment, "tr-none", "a-none")


@only_3
def runs_and_sessions():
    with mlflow.start_run() as run:
        look_up("inside")
    inside = mlflow.get_last_active_trace_id()
    client.link_traces_to_run([state["failed"]], run.info.run_id)
    assert set(find(f"attribute.run_id = '{run.info.run_id}'")) == {inside, state["failed"]}
    with mlflow.start_span(name="turn"):
        mlflow.update_current_trace(
            metadata={"mlflow.trace.session": SUFFIX, "mlflow.trace.user": "ann"},
            client_request_id=f"request-{SUFFIX}",
        )
    turn = mlflow.get_last_active_trace_id()
    assert find(f"metadata.`mlflow.trace.session` = '{SUFFIX}'") == [turn]
    assert find(f"client_request_id = 'request-{SUFFIX}'") == [turn]
    assert client.get_trace(turn).info.trace_metadata["mlflow.trace.user"] == "ann"


@only_3
def other_exporters():
    """Spans as any program with OpenTelemetry sends them."""
    ids = {"traceId": uuid.uuid4().hex, "spanId": uuid.uuid4().hex[:16]}
    begun = time.time_ns()
    span = ids | {
        "name": "chat m-2",
        "kind": 3,
        "startTimeUnixNano": str(begun),
        "endTimeUnixNano": str(begun + 5_000_000),
        "attributes": [
            {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
            {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "7"}},
            {"key": "gen_ai.usage.output_tokens", "value": {"intValue": 3}},
            {"key": "session.id", "value": {"stringValue": "s-1"}},
        ],
        "status": {"code": "STATUS_CODE_OK"},
    }
    source = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    body = json.dumps({"resourceSpans": [{"resource": source, "scopeSpans": [{"spans": [span]}]}]}).encode()
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    named = headers | {"x-mlflow-experiment-id": state["experiment"]}
    assert ask("POST", "/v1/traces", gzip.compress(body), named) == (200, b"{}")
    assert ask("POST", "/v1/traces", gzip.compress(body), headers)[0] == 400
    assert ask("POST", "/v1/traces", b"nothing", named)[0] == 400
    trace = client.get_trace("tr-" + ids["traceId"])
    assert trace.info.tags["service.name"] == "shop" and trace.info.execution_time_ms == 5
    assert json.loads(trace.info.trace_metadata["mlflow.trace.tokenUsage"])["total_tokens"] == 10
    assert trace.info.trace_metadata["mlflow.trace.session"] == "s-1"
    assert trace.data.spans[0].span_type == "CHAT_MODEL"
    question = {
        "experiment_ids": [state["experiment"]],
        "view_type": "TRACES",
        "metric_name": "total_tokens",
        "aggregations": [{"aggregation_type": "SUM"}, {"aggregation_type": "PERCENTILE", "percentile_value": 50}],
    }
    status, body = ask(
        "POST", "/api/3.0/mlflow/traces/metrics", json.dumps(question).encode(), {"Content-Type": "application/json"}
    )
    [point] = json.loads(body)["data_points"]
    assert status == 200 and point["values"] == {"SUM": 10.0, "P50.0": 10.0}, body


@step
def files():
    """The page of a trace reads its spans like this."""
    status, body = ask("GET", f"/ajax-api/2.0/mlflow/get-trace-artifact?request_id={state['first']}")
    assert status == 200 and len(json.loads(body)["spans"]) == 3


@step
def deletion():
    assert client.delete_traces(state["experiment"], max_timestamp_millis=1000) == 0
    ids = {"request_ids": [state["failed"]]} if MAJOR < 3 else {"trace_ids": [state["failed"]]}
    assert client.delete_traces(state["experiment"], **ids) == 1
    assert state["failed"] not in find()
    left = len(find())
    assert client.delete_traces(state["experiment"], max_timestamp_millis=int(time.time() * 1000) + 60_000, max_traces=1) == 1
    assert client.delete_traces(state["experiment"], max_timestamp_millis=int(time.time() * 1000) + 60_000) == left - 1
    assert find() == []
    if MAJOR >= 3:
        refused("RESOURCE_DOES_NOT_EXIST", "not found", client.get_trace, state["first"])


def main():
    print(f"mlflow {mlflow.__version__} against {mlflow.get_tracking_uri()}")
    for function in steps:
        begun = time.monotonic()
        function()
        print(f"  {function.__name__}: {time.monotonic() - begun:.2f} s", flush=True)


if __name__ == "__main__":
    main()
