"""Helpers that run the entry points as the server does: in processes of their own."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

PYTHON_FOLDER = Path(__file__).parent.parent
SHARED = PYTHON_FOLDER.parent.parent / "shared"


def run_module(name: str, *args: Any, **options: Any) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(PYTHON_FOLDER), **options.pop("env", {})}
    command = [sys.executable, *options.pop("flags", []), "-m", f"mainspring.{name}", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, **options)


class Project:
    """A folder with one DAG file."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.dag_file = folder / "dags" / "example.py"
        self.dag_file.parent.mkdir()
        self.log = ""
        self._attempts = 0

    def write(self, source: str) -> "Project":
        self.dag_file.write_text(textwrap.dedent(source).lstrip("\n"))
        return self

    def parse(self) -> dict[str, Any]:
        out = self.folder / "parsed.json"
        done = run_module("parse_dag", self.dag_file, "--out", out, cwd=self.folder)
        result = json.loads(out.read_text())
        assert done.returncode == (1 if result["error"] else 0), done.stderr
        self.log = done.stdout + done.stderr
        return result

    def dag(self) -> dict[str, Any]:
        result = self.parse()
        assert result["error"] is None, result["error"]["traceback"]
        assert len(result["dags"]) == 1
        return result["dags"][0]

    def edges(self) -> dict[str, list[str]]:
        return {task["task_id"]: task["upstream"] for task in self.dag()["tasks"]}

    def error(self) -> dict[str, Any]:
        result = self.parse()
        assert result["dags"] == []
        return result["error"]

    def run(
        self,
        task_id: str,
        dag_id: str = "d",
        flags: tuple[str, ...] = (),
        env: dict[str, str] | None = None,
        **context: Any,
    ) -> dict[str, Any]:
        self._attempts += 1
        attempt = self.folder / f"attempt-{self._attempts}"
        attempt.mkdir()
        given = {
            "version": 1,
            "dag_file": str(self.dag_file),
            "dag_id": dag_id,
            "task_id": task_id,
            "run_id": "manual__2026-01-01",
            "run_type": "manual",
            "try_number": 1,
            "max_tries": 0,
            "logical_date": "2026-01-01T00:00:00Z",
            "data_interval_start": "2026-01-01T00:00:00Z",
            "data_interval_end": "2026-01-02T00:00:00Z",
            "run_after": "2026-01-02T00:00:00Z",
            "conf": {},
            "params": {},
            "xcoms": {},
            "project_dir": str(self.folder),
        }
        (attempt / "context.json").write_text(json.dumps({**given, **context}))
        done = run_module("run_task", attempt, flags=flags, env=env or {})
        self.log = done.stdout + done.stderr
        outcome = json.loads((attempt / "outcome.json").read_text())
        assert done.returncode == (0 if outcome["state"] in ("success", "skipped") else 1), self.log
        return outcome


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)
