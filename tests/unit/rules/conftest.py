"""Workers of a gateway, with kinds of rules that do all they should not."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from digipoort_wus.rules.workers import Workers, make
from tests.unit.rules.evil_kinds import install, write_sets
from tests.unit.rules.working import options, processes, wait_for


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("evil")
    path = str(install(directory / "site"))
    sys.path.append(path)
    yield write_sets(directory / "sets")
    sys.path.remove(path)


@pytest.fixture(scope="module")
def shared(sets: Path) -> Iterator[Workers]:
    workers = make(options(sets))
    yield workers
    workers.close()
    assert processes() == set()


@pytest.fixture
def others() -> Iterator[set[int]]:
    """Return the processes that are there before the test, and demand that none is added."""
    before = processes()
    yield before
    wait_for(lambda: processes() <= before)


@pytest.fixture
def own(others: set[int], sets: Path) -> Iterator[Workers]:
    workers = make(options(sets))
    yield workers
    workers.close()


@pytest.fixture
def changing(others: set[int], sets: Path, tmp_path: Path) -> Iterator[tuple[Workers, Path]]:
    """Workers on sets that a test may change."""
    directory = write_sets(tmp_path / "changing")
    workers = make(options(directory))
    yield workers, directory
    workers.close()
