"""The targets of the fuzzer hold for their seeds, and for everything it ever found."""

from pathlib import Path

import pytest

from digipoort_wus.server.gate import Opened
from tests.fuzz import harness
from tests.fuzz.harness import TARGETS, XML, seeds

FOUND = sorted((Path(harness.__file__).parent / "found").glob("*-*"))


@pytest.mark.parametrize("target", TARGETS)
def test_seeds(target: str) -> None:
    for seed in seeds(target):
        TARGETS[target](seed)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name[:40])
def test_findings(path: Path) -> None:
    TARGETS[path.name.partition("-")[0]](path.read_bytes())


def test_a_seed_gets_in() -> None:
    assert isinstance(harness._ask(XML, seeds("message")[0]), Opened)
