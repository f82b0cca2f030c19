"""What `tox -e quick` leaves out is named in conftest.py, and every name there means something."""

from pathlib import Path

import pytest

from tests.conftest import THOROUGH

UNIT = Path(__file__).parent
FILES = sorted(path.relative_to(UNIT).as_posix() for path in UNIT.rglob("test_*.py"))


@pytest.mark.parametrize("place", THOROUGH)
def test_each_place_is_there(place: str) -> None:
    file, _, name = place.partition("::")
    found = [each for each in FILES if each.startswith(file)]
    assert found
    assert not name or [file] == found
    assert not name or f"\ndef {name}" in (UNIT / file).read_text()


def test_something_of_every_package_is_quick() -> None:
    packages = {each.split("/")[0] for each in FILES if "/" in each}
    quick = {each.split("/")[0] for each in FILES if not each.startswith(THOROUGH)}
    # Of these two all is thorough: they try every attack, or start gateways.
    assert packages - quick == {"conformance", "testing"}
