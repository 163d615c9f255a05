"""The scenarios of `tools/java` as a fixture: one program per server, kept for the whole run."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.servers_under_test import ServerUnderTest
from tools import java
from tools.kafka import CannotInstall
from tools.scenarios import ScenarioProgram


@contextmanager
def java_program(server: ServerUnderTest) -> Iterator[ScenarioProgram]:
    try:
        java.install()
    except CannotInstall as missing:
        pytest.skip(str(missing))
    with java.program(server.bootstrap_servers) as program:
        yield program
