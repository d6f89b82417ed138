"""Train the late-arrival model on every versioned month and log it to MLflow.

    python train.py [--data data] [--build build] [--shuffle-labels]

Prints the MLflow run id. Writes beside it heldout.csv (rows that no model has
trained on, with the label) and reference.csv (what training looked like, for
drift monitoring).
"""

import argparse
import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from flights.features import FEATURES, LABEL, arrived, features, held_out, iso_week, late, newest_month
from flights.model import late_classifier
from mlflow.data.meta_dataset import MetaDataset
from mlflow.data.sources import LocalArtifactDatasetSource
from mlflow.models import infer_signature
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

EXPERIMENT = "flights"
REQUIREMENTS = str(Path(__file__).with_name("requirements.txt"))
REFERENCE_ROWS = 20_000

LogModel = Callable[[Pipeline, pd.DataFrame], None]


def read_months(data: Path) -> dict[Path, pd.DataFrame]:
    files = sorted(data.glob("flights-*.csv"))
    if not files:
        raise SystemExit(f"no flights-*.csv in {data}: add a month first (mainspring data add)")
    return {file: pd.read_csv(file) for file in files}


def log_inputs(files: Iterable[Path]) -> None:
    """Record which bytes were trained on: the digest is the MD5 that DVC keeps."""
    for file in files:
        digest = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
        source = LocalArtifactDatasetSource(str(file))
        mlflow.log_input(MetaDataset(source, name=file.name, digest=digest), context="training")


def log_learning_curve(model: Pipeline, rows: pd.DataFrame, labels: pd.Series) -> None:
    stages = model["boosting"].staged_predict_proba(model["columns"].transform(rows))
    for step, stage in enumerate(stages, start=1):
        mlflow.log_metric("heldout_log_loss", log_loss(labels, stage[:, 1]), step=step)


def write_heldout(build: Path, rows: pd.DataFrame, labels: pd.Series) -> Path:
    path = build / "heldout.csv"
    rows.assign(**{LABEL: labels}).to_csv(path, index=False)
    return path


def write_reference(build: Path, rows: pd.DataFrame, labels: pd.Series, weeks: pd.Series, max_iter: int) -> Path:
    """A sample of the training rows with scores of models that had not seen them.

    Scores on rows a model was fitted to are too sure of themselves: live
    scores would look drifted from the first request on.
    """
    scores = cross_val_predict(
        late_classifier(max_iter), rows, labels, groups=weeks, cv=GroupKFold(3), method="predict_proba"
    )[:, 1]
    path = build / "reference.csv"
    profile = rows.assign(**{LABEL: labels, "score": scores.round(6)})
    profile.sample(min(REFERENCE_ROWS, len(profile)), random_state=0).to_csv(path, index=False)
    return path


def log_sklearn_model(model: Pipeline, example: pd.DataFrame) -> None:
    mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(example, model.predict_proba(example)),
        input_example=example,
        pyfunc_predict_fn="predict_proba",
        serialization_format="cloudpickle",
        pip_requirements=REQUIREMENTS,
    )


# One thread trains fast enough and leaves the other cores to the server.
@threadpool_limits.wrap(limits=1)
def train(
    data: Path = Path("data"),
    build: Path = Path("build"),
    shuffle_labels: bool = False,
    max_iter: int = 80,
    log_model: LogModel = log_sklearn_model,
) -> str:
    """Train, log and return the run id. The same data gives the same model."""
    build.mkdir(parents=True, exist_ok=True)
    months = read_months(data)
    flights = arrived(pd.concat(months.values(), ignore_index=True))
    rows, labels, kept_back = features(flights), late(flights), held_out(flights)
    fit_rows, fit_labels = rows[~kept_back], labels[~kept_back]
    if shuffle_labels:
        shuffled = np.random.default_rng(0).permutation(fit_labels.to_numpy())
        fit_labels = pd.Series(shuffled, index=fit_labels.index, name=LABEL)
    test = kept_back & newest_month(flights)

    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run() as run:
        mlflow.log_params(
            {
                "model": "HistGradientBoostingClassifier",
                "max_iter": max_iter,
                "months": len(months),
                "last_month": max(months).stem.removeprefix("flights-"),
                "features": len(FEATURES),
                "shuffle_labels": shuffle_labels,
            }
        )
        log_inputs(months)
        model = late_classifier(max_iter).fit(fit_rows, fit_labels)
        log_learning_curve(model, rows[test], labels[test])
        mlflow.log_metrics(
            {
                "training_rows": len(fit_rows),
                "heldout_rows": int(test.sum()),
                "training_auc": roc_auc_score(fit_labels, model.predict_proba(fit_rows)[:, 1]),
            }
        )
        write_heldout(build, rows[test], labels[test])
        write_reference(build, fit_rows, fit_labels, iso_week(flights)[~kept_back], max_iter)
        log_model(model, rows[test].dropna().head(5))
    return run.info.run_id


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--shuffle-labels", action="store_true", help="train the worse candidate of the demonstration")
    options = parser.parse_args()
    print(train(options.data, options.build, options.shuffle_labels))


if __name__ == "__main__":
    main()
