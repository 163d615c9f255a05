"""What a real Apache Kafka answered, kept in `answers/*.json`: one file for each test module, one entry for each test.

Every run compares with it: the embedded server in `make test`, and the real one in `make test-real`, which keeps the record true.
`RECORD_ANSWERS=1` in a run against the real one writes it anew.
"""

import difflib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.contract.deliberate_differences import DELIBERATE_DIFFERENCES

FOLDER = Path(__file__).with_name("answers")


def is_recording() -> bool:
    return os.environ.get("RECORD_ANSWERS") == "1"


class RecordedAnswers:
    """Call it with what a broker said: it is compared with, or becomes, the entry of this test."""

    def __init__(self, module: str, test: str, kind: str) -> None:
        self._module = module.rpartition(".")[2].removeprefix("test_")
        self._path = FOLDER / f"{self._module}.json"
        self._kind = kind
        self._test = test
        self._records = is_recording() and kind == "kafka"
        self._count = 0

    def __call__(self, said: Any) -> None:
        said = json.loads(json.dumps(said))
        entries: dict[str, Any] = json.loads(self._path.read_text()) if self._path.exists() else {}
        key = self._test if self._count == 0 else f"{self._test} ({self._count + 1})"
        self._count += 1
        if self._records:
            entries[key] = said
            self._path.parent.mkdir(exist_ok=True)
            self._path.write_text(json.dumps(entries, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
            return
        assert key in entries, f"no answer of a real Kafka is recorded for {key}"
        if self._kind == "embedded" and (self._module, key) in DELIBERATE_DIFFERENCES:
            assert said != entries[key], f"{key} is no difference any more"
            # What follows in this test builds on the same answer.
            pytest.skip(DELIBERATE_DIFFERENCES[self._module, key])
        assert said == entries[key], f"{key}: - is what Kafka says\n{difference(entries[key], said)}"


def difference(expected: Any, said: Any) -> str:
    return "\n".join(difflib.unified_diff(lines(expected), lines(said), n=2, lineterm=""))


def lines(answer: Any) -> list[str]:
    return json.dumps(answer, indent=1, sort_keys=True, ensure_ascii=False).splitlines()
