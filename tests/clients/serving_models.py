"""Makes models below a folder: serving_models.py FOLDER NAME..."""

import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import Schema, TensorSpec
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def columns(folder: Path) -> None:
    """Named columns of several types; gives a label."""
    table = pd.DataFrame({"carrier": ["UA", "AA", "DL", "UA"] * 10, "hour": [9, 17, 12, 6] * 10, "temp": [50.5, 60.0, 41.25, 30.0] * 10})
    prepare = ColumnTransformer([("c", OneHotEncoder(), ["carrier"])], remainder="passthrough")
    model = make_pipeline(prepare, LogisticRegression()).fit(table, [0, 1, 1, 0] * 10)
    signature = infer_signature(table, model.predict(table))
    mlflow.sklearn.save_model(model, folder, signature=signature, serialization_format="cloudpickle")


def matrix(folder: Path) -> None:
    """One matrix of floats; gives probabilities."""
    x, y = load_breast_cancer(return_X_y=True)
    x = x.astype(np.float32)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    schema = ModelSignature(
        Schema([TensorSpec(np.dtype(np.float32), (-1, 30))]),
        Schema([TensorSpec(np.dtype(np.float32), (-1, 2), "probabilities")]),
    )
    mlflow.sklearn.save_model(
        model, folder, signature=schema, pyfunc_predict_fn="predict_proba", serialization_format="cloudpickle"
    )


for name in sys.argv[2:]:
    globals()[name](Path(sys.argv[1]) / name)
