"""Every call of an unmodified tritonclient, HTTP and gRPC, with and without asyncio: triton_session.py HOST:PORT

The server has the models of serving_models.py, each as version 1, and asks for no login.
"""

import asyncio
import base64
import inspect
import json
import queue
import sys

import numpy as np
import tritonclient.grpc as grpc
import tritonclient.grpc.aio as grpc_aio
import tritonclient.http as http
import tritonclient.http.aio as http_aio
from sklearn.datasets import load_breast_cancer
from tritonclient.utils import InferenceServerException

ADDRESS = sys.argv[1]
X = load_breast_cancer().data[:5].astype(np.float32)


def refused(part, function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except InferenceServerException as error:
        assert part in str(error), str(error)
        return error
    raise AssertionError(f"{function} was not refused")


def matrix(module, rows=X, datatype="FP32", **options):
    tensor = module.InferInput("x", list(rows.shape), datatype)
    tensor.set_data_from_numpy(rows, **options)
    return [tensor]


def columns(module, **options):
    given = {
        "carrier": np.array([["UA"], ["DL"]], dtype=np.object_),
        "hour": np.array([[9], [12]], dtype=np.int64),
        "temp": np.array([[50.5], [41.25]], dtype=np.float64),
    }
    tensors = []
    for name, values in given.items():
        datatype = {"O": "BYTES", "i": "INT64", "f": "FP64"}[values.dtype.kind]
        tensor = module.InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values, **options)
        tensors.append(tensor)
    return tensors


def check_probabilities(result, rows=len(X)):
    found = result.as_numpy("probabilities")
    assert found.shape == (rows, 2) and found.dtype == np.float32, (found.shape, found.dtype)
    assert np.allclose(found.sum(axis=1), 1, atol=1e-5)
    return found


def common(client, module):
    """What both clients offer under the same names."""
    assert client.is_server_live() and client.is_server_ready()
    for model in ("columns", "matrix"):
        assert client.is_model_ready(model) and client.is_model_ready(model, "1")
    assert not client.is_model_ready("nope") and not client.is_model_ready("matrix", "2")
    client.get_server_metadata()
    refused("not deployed", client.get_model_metadata, "nope")
    refused("not loaded", client.get_model_metadata, "matrix", "2")
    first = check_probabilities(client.infer("matrix", matrix(module)))
    again = check_probabilities(client.infer("matrix", matrix(module), model_version="1", request_id="r 1"))
    assert np.array_equal(first, again)
    half = X[:1].astype(np.float16)
    check_probabilities(client.infer("matrix", matrix(module, half, "FP16")), 1)
    named = client.infer("matrix", matrix(module), outputs=[module.InferRequestedOutput("probabilities")])
    check_probabilities(named)
    ranked = client.infer("matrix", matrix(module), outputs=[module.InferRequestedOutput("probabilities", class_count=1)])
    best = ranked.as_numpy("probabilities")
    assert best.shape == (5, 1), best.shape
    assert [int(text.decode().split(":")[1]) for text in best[:, 0]] == list(first.argmax(axis=1))
    result = client.infer("columns", columns(module), parameters={"note": "a", "number": 3})
    assert result.as_numpy("predictions").dtype == np.int64, result.get_response()
    options = dict(sequence_id=7, sequence_start=True, sequence_end=True, priority=1, timeout=1_000_000)
    client.infer("columns", columns(module), **options)
    refused("has no output", client.infer, "matrix", matrix(module), outputs=[module.InferRequestedOutput("nope")])
    refused("row 0 has 29 values", client.infer, "matrix", matrix(module, X[:, :29]))
    refused("missing columns", client.infer, "columns", columns(module)[:2])
    refused("deployed", client.infer, "nope", matrix(module))
    client.get_model_config("matrix")
    client.get_model_config("matrix", "1")
    client.get_model_repository_index()
    client.get_inference_statistics()
    client.get_inference_statistics("matrix")
    client.get_inference_statistics("matrix", "1")
    client.unload_model("columns")
    assert not client.is_model_ready("columns")
    client.load_model("columns")
    assert client.is_model_ready("columns")
    client.unload_model("columns", unload_dependents=True)
    client.load_model("columns")
    refused("not taken", client.load_model, "columns", config=json.dumps({"backend": "python"}))
    client.get_trace_settings()
    client.get_trace_settings("matrix")
    client.update_trace_settings(settings={"trace_level": None})
    client.update_trace_settings("matrix", settings={"trace_level": ["OFF"]})
    refused("cannot be changed", client.update_trace_settings, settings={"trace_level": ["TIMESTAMPS"]})
    client.get_log_settings()
    client.update_log_settings({"log_verbose_level": 0})
    refused("cannot be changed", client.update_log_settings, {"log_verbose_level": 2})
    client.get_system_shared_memory_status()
    client.get_cuda_shared_memory_status()
    refused("not offered", client.register_system_shared_memory, "r", "/r", 64)
    refused("not offered", client.register_cuda_shared_memory, "r", base64.b64encode(b"handle"), 0, 64)
    for unregister in (client.unregister_system_shared_memory, client.unregister_cuda_shared_memory):
        unregister()
        unregister("r")
    shared = module.InferInput("x", [1, 30], "FP32")
    shared.set_shared_memory("r", 120)
    refused("not offered", client.infer, "matrix", [shared])


def http_only(client, module):
    """What both HTTP clients offer beyond the gRPC ones."""
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    metadata = client.get_model_metadata("matrix")
    assert metadata["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 30]}], metadata
    config = client.get_model_config("columns")
    assert [port["data_type"] for port in config["input"]] == ["TYPE_STRING", "TYPE_INT64", "TYPE_FP64"], config
    index = client.get_model_repository_index()
    assert [(entry["name"], entry["state"]) for entry in index] == [("columns", "READY"), ("matrix", "READY")]
    statistics = client.get_inference_statistics("matrix")["model_stats"][0]
    assert statistics["inference_stats"]["success"]["count"] >= 5, statistics
    reference = check_probabilities(client.infer("matrix", matrix(module)))
    for binary_in in (True, False):
        for binary_out in (True, False):
            outputs = [module.InferRequestedOutput("probabilities", binary_data=binary_out)]
            result = client.infer("matrix", matrix(module, binary_data=binary_in), outputs=outputs)
            assert np.allclose(check_probabilities(result), reference)
            result = client.infer("columns", columns(module, binary_data=binary_in))
            assert result.as_numpy("predictions").shape == (2,)
    for algorithm in ("gzip", "deflate"):
        result = client.infer(
            "matrix", matrix(module), request_compression_algorithm=algorithm, response_compression_algorithm=algorithm
        )
        assert np.array_equal(check_probabilities(result), reference)
    options = dict(request_id="later", headers={"x-mainspring-key": "k"}, query_params={"a": 1})
    result = client.infer("matrix", matrix(module), **options)
    assert result.get_response()["id"] == "later"
    assert result.get_output("probabilities")["datatype"] == "FP32"
    body, length = module.InferenceServerClient.generate_request_body(matrix(module))
    import urllib.request

    request = urllib.request.Request(f"http://{ADDRESS}/v2/models/matrix/infer", body)
    request.add_header("Inference-Header-Content-Length", str(length))
    with urllib.request.urlopen(request) as reply:
        length = int(reply.headers["Inference-Header-Content-Length"])
        result = module.InferenceServerClient.parse_response_body(reply.read(), header_length=length)
    assert np.array_equal(check_probabilities(result), reference)


def grpc_only(client, module):
    """What both gRPC clients offer beyond the HTTP ones, streams excepted."""
    assert "binary_tensor_data" in client.get_server_metadata().extensions
    metadata = client.get_model_metadata("matrix", as_json=True)
    assert metadata["inputs"] == [{"name": "input", "datatype": "FP32", "shape": ["-1", "30"]}], metadata
    config = client.get_model_config("matrix").config
    assert (config.name, config.input[0].data_type, list(config.input[0].dims)) == ("matrix", 11, [30]), config
    index = client.get_model_repository_index().models
    assert [(entry.name, entry.state) for entry in index] == [("columns", "READY"), ("matrix", "READY")], index
    statistics = client.get_inference_statistics("matrix").model_stats[0]
    assert statistics.inference_stats.success.count >= 5, statistics
    assert client.get_trace_settings().settings["trace_level"].value == ["OFF"]
    assert client.get_log_settings().settings["log_error"].bool_param
    for algorithm in ("gzip", "deflate"):
        check_probabilities(client.infer("matrix", matrix(module), compression_algorithm=algorithm, client_timeout=10))


def over_http():
    with http.InferenceServerClient(ADDRESS, concurrency=4) as client:
        common(client, http)
        http_only(client, http)
        options = dict(request_id="asked", headers={"x-mainspring-key": "k"}, query_params={"a": 1})
        asked = client.async_infer("matrix", matrix(http), **options)
        assert asked.get_result().get_response()["id"] == "asked"


def over_grpc():
    with grpc.InferenceServerClient(ADDRESS) as client:
        common(client, grpc)
        grpc_only(client, grpc)
        answers = queue.Queue()
        call = client.async_infer("matrix", matrix(grpc), callback=lambda result, error: answers.put((result, error)))
        result, error = answers.get(timeout=10)
        assert error is None and call is not None
        check_probabilities(result)
        client.start_stream(callback=lambda result, error: answers.put((result, error)))
        for request in stream_requests(grpc):
            client.async_stream_infer(**request)
        check_stream([answers.get(timeout=10) for _ in range(5)])
        client.stop_stream()
        typed(client)


def stream_requests(module):
    """Three that ask for a mark at the end, one for a model that is not there, and one behind it."""
    requests = [dict(model_name="matrix", request_id=f"s{number}", enable_empty_final_response=True) for number in range(3)]
    requests += [dict(model_name="nope", request_id="bad"), dict(model_name="matrix", request_id="after")]
    return [dict(request, inputs=matrix(module)) for request in requests]


def check_stream(answers):
    for number, (result, error) in enumerate(answers[:3]):
        assert error is None and result.get_response().id == f"s{number}"
        assert result.get_response().parameters["triton_final_response"].bool_param
        check_probabilities(result)
    result, error = answers[3]
    assert result is None and "deployed" in str(error), error
    result, error = answers[4]
    assert error is None and result.get_response().id == "after"


class Awaited:
    """A client of asyncio, called as the other one is: each call is waited for."""

    def __init__(self, client, loop):
        self._client, self._loop = client, loop

    def __getattr__(self, name):
        attribute = getattr(self._client, name)
        if not inspect.iscoroutinefunction(attribute):
            return attribute
        return lambda *args, **kwargs: self._loop.run_until_complete(attribute(*args, **kwargs))


async def together(client, module):
    """Requests beside each other over one client."""
    results = await asyncio.gather(
        *(client.infer("matrix", matrix(module), request_id=f"t{number}") for number in range(20)),
        client.infer("nope", matrix(module)),
        return_exceptions=True,
    )
    for result in results[:-1]:
        check_probabilities(result)
    assert isinstance(results[-1], InferenceServerException) and "deployed" in str(results[-1])


async def aio_stream(client):
    async def requests():
        for request in stream_requests(grpc_aio):
            yield request

    answers = client.stream_infer(requests(), stream_timeout=20)
    check_stream([answer async for answer in answers])
    # A call that nobody waits for any more ends.
    endless = asyncio.Event()

    async def waiting():
        yield stream_requests(grpc_aio)[0]
        await endless.wait()

    answers = client.stream_infer(waiting(), headers={"x-mainspring-key": "k"}, compression_algorithm="gzip")
    result, error = await answers.__anext__()
    assert error is None and result.get_response().id == "s0"
    assert answers.cancel()


def over_asyncio():
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    for module, only in ((http_aio, http_only), (grpc_aio, grpc_only)):

        async def opened():
            return module.InferenceServerClient(ADDRESS)

        client = loop.run_until_complete(opened())
        common(Awaited(client, loop), module)
        only(Awaited(client, loop), module)
        loop.run_until_complete(together(client, module))
        if module is grpc_aio:
            loop.run_until_complete(aio_stream(client))
        loop.run_until_complete(client.close())
    loop.close()


def typed(client):
    """Contents by type instead of raw bytes, as other clients than Triton's send them."""
    from tritonclient.grpc import service_pb2, service_pb2_grpc

    request = service_pb2.ModelInferRequest(model_name="matrix")
    tensor = request.inputs.add(name="x", datatype="FP32", shape=[1, 30])
    tensor.contents.fp32_contents.extend(X[0].tolist())
    answer = client._client_stub.ModelInfer(request)
    assert len(answer.outputs[0].contents.fp32_contents) == 2 and not answer.raw_output_contents, answer


over_http()
over_grpc()
over_asyncio()
