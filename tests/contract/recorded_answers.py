"""What a real broker answered, kept in `answers/*.json`: one file for each test module, one entry for each test.

Every run compares with it: the embedded server in `make test`, and the real one in `make test-real`, which keeps the record true.
`RECORD_ANSWERS=1` in a run against the real one writes it anew.
"""

import difflib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.deliberate_differences import DELIBERATE_DIFFERENCES

SETTLING_S = 0.3
FOLDER = Path(__file__).with_name("answers")


def is_recording() -> bool:
    return os.environ.get("RECORD_ANSWERS") == "1"


class RecordedAnswers:
    """Call it with what a broker said: it is compared with, or becomes, the entry of this test."""

    def __init__(self, module: str, test: str, kind: str, folder: str = "") -> None:
        self._module = f"{folder}{module.rpartition('.')[2].removeprefix('test_')}"
        self._path = FOLDER / f"{self._module}.json"
        self._kind = kind
        self._test = test
        self._records = is_recording() and kind != "embedded"
        self._count = 0

    def __call__(self, said: Any) -> None:
        said = json.loads(json.dumps(said))
        self._count += 1
        key = self._test if self._count == 1 else f"{self._test} ({self._count})"
        if self._records:
            self._record(key, said)
            return
        expected = self._entries()[key]
        if self._kind == "embedded" and (self._module, key) in DELIBERATE_DIFFERENCES:
            assert said != expected, f"{key} is no difference any more"
            # What follows in this test builds on the same answer.
            pytest.skip(DELIBERATE_DIFFERENCES[self._module, key])
        assert said == expected, f"{key}: - is what the real broker says\n{difference(expected, said)}"

    def soon(self, ask: Callable[[], Any]) -> None:
        """The same for what a real broker knows a moment after it has confirmed it. Ours knows at once."""
        if self._kind != "embedded":
            time.sleep(SETTLING_S)
        self(ask())

    def _entries(self) -> dict[str, Any]:
        entries: dict[str, Any] = json.loads(self._path.read_text()) if self._path.exists() else {}
        return entries

    def _record(self, key: str, said: Any) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**self._entries(), key: said}, indent=1, sort_keys=True, ensure_ascii=False)
        self._path.write_text(text + "\n")


def difference(expected: Any, said: Any) -> str:
    return "\n".join(difflib.unified_diff(lines(expected), lines(said), n=2, lineterm=""))


def lines(answer: Any) -> list[str]:
    return json.dumps(answer, indent=1, sort_keys=True, ensure_ascii=False).splitlines()
