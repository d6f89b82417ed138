"""Makes models below a folder: serving_models.py FOLDER NAME..."""

import json
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import Schema, TensorSpec
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
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


def keep_example(folder: Path, columns, rows, expected) -> None:
    """What a model is asked and what its library answers."""
    example = {"columns": columns, "rows": rows, "expected": expected}
    (folder / "example.json").write_text(json.dumps(example))


def export(folder: Path, model, inputs, **options) -> None:
    from skl2onnx import to_onnx

    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(to_onnx(model, initial_types=inputs, **options).SerializeToString())


def cancer():
    x, y = load_breast_cancer(return_X_y=True)
    return x.astype(np.float32), y


def onnx_matrix(folder: Path) -> None:
    """A bare file: one matrix in, label and probabilities out."""
    from skl2onnx.common.data_types import FloatTensorType

    x, y = cancer()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    export(folder, model, [("X", FloatTensorType([None, 30]))], options={"zipmap": False})
    keep_example(folder, None, x[:7].tolist(), model.predict_proba(x[:7]).tolist())


def onnx_zipmap(folder: Path) -> None:
    """The same with a ZipMap, as MLflow's flavor, with a signature of named columns."""
    import onnx
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    x, y = cancer()
    table = pd.DataFrame(x, columns=[f"x{i}" for i in range(30)])
    model = RandomForestClassifier(50, random_state=1).fit(x, y)
    exported = to_onnx(model, initial_types=[("X", FloatTensorType([None, 30]))])
    mlflow.onnx.save_model(onnx.load_from_string(exported.SerializeToString()), folder, signature=infer_signature(table))
    keep_example(folder, list(table)[::-1], x[:7, ::-1].tolist(), model.predict_proba(x[:7]).tolist())


def onnx_columns(folder: Path) -> None:
    """One input per column, one of them of texts."""
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

    table = pd.DataFrame({"carrier": ["UA", "AA", "DL", "UA"] * 10, "hour": [9, 17, 12, 6] * 10, "temp": [50.5, 60.0, 41.25, 30.0] * 10})
    prepare = ColumnTransformer([("c", OneHotEncoder(), ["carrier"]), ("n", StandardScaler(), ["hour", "temp"])])
    model = make_pipeline(prepare, LogisticRegression()).fit(table, [0, 1, 1, 0] * 10)
    inputs = [("carrier", StringTensorType([None, 1])), ("hour", Int64TensorType([None, 1])), ("temp", FloatTensorType([None, 1]))]
    export(folder, model, inputs, options={"zipmap": False})
    keep_example(folder, list(table), table.head(4).values.tolist(), model.predict_proba(table.head(4)).tolist())


def onnx_regression(folder: Path) -> None:
    """One number per row."""
    from skl2onnx.common.data_types import DoubleTensorType

    x, y = load_breast_cancer(return_X_y=True)
    model = LinearRegression().fit(x, y)
    export(folder, model, [("X", DoubleTensorType([None, 30]))])
    keep_example(folder, None, x[:7].tolist(), model.predict(x[:7]).reshape(-1, 1).tolist())


def booster(folder: Path, classes: int, **options) -> None:
    """A LightGBM booster over numbers with gaps and a category."""
    import lightgbm

    random = np.random.default_rng(7)
    x = random.normal(size=(2000, 5))
    x[::7, 1], x[::3, 2], x[:, 4] = np.nan, 0.0, random.integers(0, 60, 2000)
    score = x[:, 0] + np.nan_to_num(x[:, 1]) + (x[:, 4] % 3 == 0)
    y = np.digitize(score, np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1]))
    names = ["a", "b", "c", "d", "k"]
    data = lightgbm.Dataset(x, y, feature_name=names, categorical_feature=["k"])
    model = lightgbm.train({"verbose": -1, "num_leaves": 15, "seed": 1, **options}, data, 40)
    mlflow.lightgbm.save_model(model, folder, signature=infer_signature(pd.DataFrame(x, columns=names).astype(float)))
    rows = x[:200]
    expected = model.predict(rows).reshape(len(rows), -1)
    gaps = [[None if np.isnan(value) else value for value in row] for row in rows.tolist()]
    keep_example(folder, names, gaps, expected.tolist())


def lightgbm_binary(folder: Path) -> None:
    booster(folder, 2, objective="binary")


def lightgbm_multiclass(folder: Path) -> None:
    booster(folder, 3, objective="multiclass", num_class=3, zero_as_missing=True)


def lightgbm_poisson(folder: Path) -> None:
    booster(folder, 4, objective="poisson")


def lightgbm_forest(folder: Path) -> None:
    booster(folder, 2, objective="regression", boosting="rf", bagging_freq=1, bagging_fraction=0.7)


def lightgbm_linear(folder: Path) -> None:
    booster(folder, 2, objective="regression", linear_tree=True)


def xgb(folder: Path, target, form="ubj", rounds=30, names=True, signature=True, label=None, **options) -> None:
    """An XGBoost booster over numbers with gaps; `target` makes labels of a score about zero."""
    import xgboost

    random = np.random.default_rng(11)
    x = random.normal(size=(1500, 5))
    x[::7, 1], x[::3, 2] = np.nan, 0.0
    x[:, 3] = random.integers(0, 1000, len(x))
    score = x[:, 0] + np.nan_to_num(x[:, 1]) + (x[:, 3] % 3 == 0) + 0.1 * random.normal(size=len(x))
    columns = ["a", "b", "c", "d", "e"] if names else None
    data = xgboost.DMatrix(x, target(score), feature_names=columns)
    if label == "bounds":
        data.set_float_info("label_lower_bound", np.exp(score))
        data.set_float_info("label_upper_bound", np.exp(score + 0.5))
    elif label == "groups":
        data.set_group([50] * 30)
    model = xgboost.train({"max_depth": 4, "seed": 3, **options}, data, rounds)
    table = pd.DataFrame(x, columns=columns or list("abcde"))
    described = infer_signature(table) if signature else None
    mlflow.xgboost.save_model(model, folder, model_format=form, signature=described, pip_requirements=["xgboost"])
    rows = np.vstack([x[:300], random.normal(scale=3, size=(100, 5))])
    rows[300::5, 0] = np.nan
    # As MLflow asks it.
    wrapped = mlflow.pyfunc.load_model(str(folder))
    expected = np.asarray(wrapped.predict(pd.DataFrame(rows, columns=table.columns)))
    gaps = [[None if np.isnan(value) else value for value in row] for row in rows.tolist()]
    keep_example(folder, list(table), gaps, expected.reshape(len(rows), -1).tolist())


def classes(count):
    return lambda score: np.digitize(score, np.quantile(score, np.linspace(0, 1, count + 1)[1:-1]))


def positive(score):
    return np.round(np.exp(score / 2), 3)


def xgboost_binary(folder: Path) -> None:
    xgb(folder, classes(2), "json", objective="binary:logistic")


def xgboost_raw(folder: Path) -> None:
    xgb(folder, classes(2), objective="binary:logitraw", base_score=0.25)


def xgboost_hinge(folder: Path) -> None:
    xgb(folder, classes(2), objective="binary:hinge")


def xgboost_softprob(folder: Path) -> None:
    xgb(folder, classes(3), objective="multi:softprob", num_class=3)


def xgboost_softmax(folder: Path) -> None:
    xgb(folder, classes(4), "json", objective="multi:softmax", num_class=4)


def xgboost_squares(folder: Path) -> None:
    """In MLflow's own name for the file, whose content is UBJSON."""
    xgb(folder, lambda score: score, "xgb", objective="reg:squarederror", rounds=200)


def xgboost_unnamed(folder: Path) -> None:
    xgb(folder, lambda score: score, names=False, signature=False, objective="reg:absoluteerror")


def xgboost_quantile(folder: Path) -> None:
    xgb(folder, lambda score: score, objective="reg:quantileerror", quantile_alpha=0.3)


def xgboost_poisson(folder: Path) -> None:
    xgb(folder, lambda score: np.round(positive(score)), objective="count:poisson")


def xgboost_gamma(folder: Path) -> None:
    xgb(folder, positive, objective="reg:gamma")


def xgboost_tweedie(folder: Path) -> None:
    xgb(folder, positive, objective="reg:tweedie", tweedie_variance_power=1.3)


def xgboost_ranking(folder: Path) -> None:
    xgb(folder, classes(4), objective="rank:ndcg", label="groups")


def xgboost_lifetimes(folder: Path) -> None:
    xgb(folder, lambda score: None, objective="survival:aft", label="bounds")


def xgboost_hazard(folder: Path) -> None:
    xgb(folder, positive, objective="survival:cox")


def xgboost_forest(folder: Path) -> None:
    xgb(folder, classes(2), objective="binary:logistic", rounds=4, num_parallel_tree=5, subsample=0.6, colsample_bynode=0.6)


def xgboost_dart(folder: Path) -> None:
    xgb(folder, classes(3), objective="multi:softprob", num_class=3, booster="dart", rate_drop=0.3)


def xgboost_linear(folder: Path) -> None:
    xgb(folder, classes(3), "json", objective="multi:softprob", num_class=3, booster="gblinear")


def xgboost_targets(folder: Path) -> None:
    xgb(folder, lambda score: np.column_stack([score, -score]), objective="reg:squarederror")


def xgboost_several_outputs_per_tree(folder: Path) -> None:
    xgb(folder, lambda score: np.column_stack([score, -score]), multi_strategy="multi_output_tree", tree_method="hist")


for name in sys.argv[2:]:
    globals()[name](Path(sys.argv[1]) / name)
