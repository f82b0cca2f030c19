from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.process.sandbox import Sandbox, opened


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with opened(tmp_path / "data") as made:
        yield made
