"""Measure a logged model on the held-out rows and log the numbers to its run.

python evaluate.py RUN_ID [--heldout build/heldout.csv]
"""

import argparse
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from flights.features import FEATURES, LABEL
from sklearn.metrics import brier_score_loss, roc_auc_score


def calibration_error(labels: pd.Series, scores: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error over equal-width bins of the score."""
    bin_of = np.minimum((scores * bins).astype(int), bins - 1)
    table = pd.DataFrame({"label": labels.to_numpy(), "score": scores, "bin": bin_of})
    means = table.groupby("bin").agg(label=("label", "mean"), score=("score", "mean"), n=("label", "size"))
    return float(((means["label"] - means["score"]).abs() * means["n"]).sum() / len(table))


def metrics(labels: pd.Series, scores: np.ndarray) -> dict[str, float]:
    return {
        "auc": float(roc_auc_score(labels, scores)),
        "brier": float(brier_score_loss(labels, scores)),
        "calibration_error": calibration_error(labels, scores),
        "late_rate": float(labels.mean()),
        "mean_score": float(scores.mean()),
    }


def evaluate(run_id: str, heldout: Path = Path("build/heldout.csv")) -> dict[str, float]:
    rows = pd.read_csv(heldout)
    model = mlflow.pyfunc.load_model(f"runs:/{run_id}/model")
    scores = np.asarray(model.predict(rows[FEATURES]), dtype=float)[:, 1]
    result = metrics(rows[LABEL], scores)
    with mlflow.start_run(run_id=run_id):
        mlflow.log_metrics(result)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run_id")
    parser.add_argument("--heldout", type=Path, default=Path("build/heldout.csv"))
    options = parser.parse_args()
    for name, value in evaluate(options.run_id, options.heldout).items():
        print(f"{name:18} {value:.4f}")


if __name__ == "__main__":
    main()
