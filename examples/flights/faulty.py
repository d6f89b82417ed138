"""Log the candidate that is fine offline and fails one live request in five.

    python faulty.py [--data data] [--build build]

The model is trained like any other; see flights.model.FailsInProduction for
the fault and its purpose.
"""

import argparse
from pathlib import Path

import mlflow
import pandas as pd
from flights.model import FailsInProduction
from mlflow.models import infer_signature
from sklearn.pipeline import Pipeline
from train import REQUIREMENTS, train

# Saved with the model, so that it loads wherever the server puts it.
CODE = str(Path(__file__).parent / "flights")


def log_faulty_model(model: Pipeline, example: pd.DataFrame) -> None:
    mlflow.pyfunc.log_model(
        name="model",
        python_model=FailsInProduction(model),
        signature=infer_signature(example, model.predict_proba(example)),
        input_example=example,
        code_paths=[CODE],
        pip_requirements=REQUIREMENTS,
    )


def train_faulty(data: Path = Path("data"), build: Path = Path("build")) -> str:
    return train(data, build, log_model=log_faulty_model)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--build", type=Path, default=Path("build"))
    options = parser.parse_args()
    print(train_faulty(options.data, options.build))


if __name__ == "__main__":
    main()
