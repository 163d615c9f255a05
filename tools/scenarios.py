"""A program in another language that plays scenarios with a Kafka client of its own.

It reads one JSON object a line, `{"scenario": name, …arguments}`, and answers each with one line: `{"result": …}`, or
`{"error": the class, "message": …}` when its client raised. What it writes on standard error is kept for when it ends unasked.
"""

import json
import selectors
import subprocess
import tempfile
from collections.abc import Sequence
from types import TracebackType
from typing import Any

PATIENCE_S = 90


class Refused(Exception):
    """The client raised; `error` is its class there."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(f"{error}: {message}")
        self.error = error
        self.message = message


class ScenarioProgram:
    """`with ScenarioProgram(command) as program: program.play("produce", topic="orders", …)`."""

    def __init__(self, command: Sequence[str]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)

    def __enter__(self) -> "ScenarioProgram":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def play(self, scenario: str, **arguments: object) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"scenario": scenario, **arguments}).encode() + b"\n")
        self._process.stdin.flush()
        answer = json.loads(self._answer(scenario))
        if "error" in answer:
            raise Refused(answer["error"], answer["message"])
        return answer["result"]

    def _answer(self, scenario: str) -> bytes:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            # One line is on its way at most, so a buffer cannot hold what the selector does not see.
            line = self._process.stdout.readline() if selector.select(PATIENCE_S) else b""
        if not line:
            self._process.kill()
            raise AssertionError(f"{scenario}: no answer; the program wrote:\n{self._written()}")
        return line

    def _written(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-5000:]

    def close(self) -> None:
        """End of input ends the program."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()
