"""The models: the real one, and one with a deliberate fault."""

import os
import zlib

import mlflow
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from flights.features import CATEGORIES

FAULT_PERCENT = 20


def late_classifier(max_iter: int = 80) -> Pipeline:
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("codes", codes, CATEGORIES)], remainder="passthrough")
    boosting = HistGradientBoostingClassifier(max_iter=max_iter, random_state=0)
    return Pipeline([("columns", columns), ("boosting", boosting)])


class FailsInProduction(mlflow.pyfunc.PythonModel):
    """A good model that fails for one row in five, but only when it serves.

    The fault is deliberate: it stands for the bug that no offline test finds
    (a missing file, another library version) and that a canary must catch.
    MAINSPRING_ROLE is "serving" in a worker that answers live requests.
    """

    def __init__(self, model: Pipeline):
        self.model = model

    def predict(self, context, model_input: pd.DataFrame, params=None):
        if os.environ.get("MAINSPRING_ROLE") == "serving":
            for row in model_input.itertuples(index=False):
                if zlib.crc32(repr(tuple(row)).encode()) % 100 < FAULT_PERCENT:
                    raise RuntimeError("no route table for this flight (deliberate fault of the demonstration)")
        return self.model.predict_proba(model_input)
