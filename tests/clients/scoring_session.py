"""MLflow's own scoring client, and requests as its documents show them: scoring_session.py HOST:PORT

The server has the model `columns` of serving_models.py, and no other.
"""

import io
import json
import sys

import numpy as np
import pandas as pd
import requests
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

HOST, PORT = sys.argv[1].split(":")
URL = f"http://{HOST}:{PORT}"
TABLE = pd.DataFrame({"carrier": ["UA", "DL"], "hour": [9, 12], "temp": [50.5, 41.25]})
client = ScoringServerClient(HOST, PORT)


def post(body, kind):
    return requests.post(f"{URL}/invocations", data=body, headers={"Content-Type": kind}, timeout=30)


client.wait_server_ready()
expected = client.invoke(TABLE).get_predictions(predictions_format="ndarray").tolist()
assert sorted(set(expected)) in ([0], [1], [0, 1]) and len(expected) == 2, expected
for form in (
    {"dataframe_split": json.loads(TABLE.to_json(orient="split"))},
    {"dataframe_records": json.loads(TABLE.to_json(orient="records"))},
    {"instances": json.loads(TABLE.to_json(orient="records"))},
    {"inputs": TABLE.to_dict(orient="list")},
):
    answer = post(json.dumps(form), "application/json")
    assert answer.json() == {"predictions": expected}, (form, answer.text)
assert post(TABLE.to_csv(index=False), "text/csv").json() == {"predictions": expected}
parquet = io.BytesIO()
TABLE.to_parquet(parquet)
assert post(parquet.getvalue(), "application/vnd.apache.parquet").json() == {"predictions": expected}
for body, kind, status in (
    (b"PAR1 no", "application/vnd.apache.parquet", 400),
    (b"{", "application/json", 400),
    (json.dumps({"dataframe_split": {"columns": ["hour"], "data": [[1]]}}), "application/json", 400),
    (b"x", "text/plain", 415),
):
    answer = post(body, kind)
    assert answer.status_code == status and answer.json()["message"], (body, answer.status_code, answer.text)
gap = TABLE.assign(temp=[np.nan, 1.0])
try:
    client.invoke(gap)
except Exception as error:
    # The model itself bears no gaps; that the request was understood shows in who complains.
    assert "NaN" in str(error), error
else:
    raise AssertionError("LogisticRegression took NaN")
