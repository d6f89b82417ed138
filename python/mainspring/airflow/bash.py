"""BashOperator."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from mainspring.airflow.exceptions import AirflowException, AirflowSkipException
from mainspring.airflow.operator import BaseOperator

CHUNK = 64 * 1024
LONGEST_LINE = 1024 * 1024


class BashOperator(BaseOperator):
    """Runs a shell command; its last line of output is the XCom."""

    template_fields = ("bash_command", "env", "cwd")
    template_ext = (".sh", ".bash")

    def __init__(
        self,
        *,
        bash_command: Any,
        env: dict[str, str] | None = None,
        append_env: bool = False,
        output_encoding: str = "utf-8",
        skip_on_exit_code: int | list[int] | None = 99,
        cwd: str | None = None,
        output_processor: Callable[[str], Any] = lambda line: line,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.bash_command = bash_command
        self.env = env
        self.append_env = append_env
        self.output_encoding = output_encoding
        codes = [skip_on_exit_code] if isinstance(skip_on_exit_code, int) else skip_on_exit_code
        self.skip_on_exit_code = list(codes or [])
        self.cwd = cwd
        self.output_processor = output_processor

    def execute(self, context: Any) -> Any:
        if self.cwd is not None and not os.path.isdir(self.cwd):
            raise AirflowException(f"cwd of task {self.task_id!r} is not a folder: {self.cwd}")
        sys.stdout.flush()
        # The command stays in this process group, so that ending the task ends it too.
        process = subprocess.Popen(
            ["bash", "-c", self.bash_command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.cwd,
            env=self._environment(context),
        )
        last = self._forward(process.stdout)
        code = process.wait()
        if code in self.skip_on_exit_code:
            raise AirflowSkipException(f"bash ended with exit code {code}: skipped")
        if code != 0:
            raise AirflowException(f"bash ended with exit code {code}" + (f"; last line: {last[:500]}" if last else ""))
        return self.output_processor(last)

    def _environment(self, context: Any) -> dict[str, str]:
        if self.env is None:
            environment = dict(os.environ)
        elif self.append_env:
            environment = {**os.environ, **self.env}
        else:
            environment = dict(self.env)
        return {**environment, **context.environment()}

    def _forward(self, output: Any) -> str:
        """Copy the output to the log, keeping its last line only, however long it is."""
        last, complete = b"", True
        while chunk := output.readline(CHUNK):
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            last = chunk if complete else last[: LONGEST_LINE - len(chunk)] + chunk
            complete = chunk.endswith(b"\n")
        return last.decode(self.output_encoding, errors="backslashreplace").rstrip("\r\n")
