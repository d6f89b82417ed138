"""Runs that a W&B client recorded without a server, sent later with `wandb sync`.

It needs WANDB_BASE_URL and WANDB_API_KEY, and works in the present folder. With the argument
`record PROJECT` it only records a run and prints the folder with its file.
"""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import wandb


def record(project, **options):
    """Records a run; gives its id and folder."""
    with wandb.init(project=project, mode="offline", name="far away", config={"lr": 0.5, "net": {"depth": 3}},
                    tags=["offline"], notes="no line", group="trip", **options) as run:
        for step in range(30):
            run.log({"loss": 1.0 / (step + 1), "val": {"auc": step / 30}})
        run.log({"bad": float("nan"), "histogram": wandb.Histogram([1, 2, 3])})
        run.summary["best"] = 0.7
        run.config.update({"epochs": 30})
        Path("offline.txt").write_text("kept\n")
        run.save("offline.txt", policy="now")
        print("printed far away")
        return run.id, Path(run.dir).parent


def check(project, run_id):
    run = wandb.Api().run(f"mainspring/{project}/{run_id}")
    assert run.state == "finished" and run.name == "far away", (run.state, run.name)
    assert run.config == {"lr": 0.5, "net": {"depth": 3}, "epochs": 30}, run.config
    assert run.tags == ["offline"] and run.notes == "no line" and run.group == "trip"
    rows = list(run.scan_history())
    assert len(rows) == 31, len(rows)
    assert [row["loss"] for row in rows[:2]] == [1.0, 0.5] and rows[3]["val"]["auc"] == 0.1, rows[3]
    assert run.summary["best"] == 0.7, run.summary
    names = {file.name for file in run.files()}
    assert "offline.txt" in names, names


def sync(folder):
    done = subprocess.run(
        [sys.executable, "-m", "wandb", "sync", "--include-synced", str(folder)],
        capture_output=True, text=True, timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def main():
    project = f"trip-{uuid.uuid4().hex[:8]}"
    run_id, folder = record(project)
    sync(folder)
    check(project, run_id)
    # Sent again it is the same run.
    sync(folder)
    check(project, run_id)
    print("the session went through")


if __name__ == "__main__":
    if sys.argv[1:2] == ["record"]:
        print(*record(sys.argv[2]))
    elif sys.argv[1:2] == ["check"]:
        check(*sys.argv[2:4])
    else:
        assert os.environ["WANDB_BASE_URL"]
        main()
