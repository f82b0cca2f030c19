"""The packages of setup.cfg, its extras, and the list of what the tests need."""

import re
from collections.abc import Mapping
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?P<extras>\[[^\]]*\])?(?P<bounds>.*)")


def lists() -> Mapping[str, tuple[str, ...]]:
    """Return the requirements of the package and of each extra, without comments and spaces."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    texts = {
        "install_requires": setup["options"]["install_requires"],
        **setup["options.extras_require"],
    }
    return {
        name: tuple(
            "".join(line.split())
            for line in text.splitlines()
            if line.strip() and not line.startswith("#")
        )
        for name, text in texts.items()
    }


def named(requirement: str) -> str:
    """Return the name of the package as an index compares it."""
    found = REQUIREMENT.fullmatch(requirement)
    assert found is not None, requirement
    return re.sub(r"[-_.]+", "-", found["name"]).lower()


LISTS = lists()
EXTRAS = sorted(set(LISTS) - {"install_requires", "test", "dev"})


def test_every_package_is_installed() -> None:
    """Tests of the tree would not miss one: it is found beside them."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    here = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "digipoort_wus").rglob("__init__.py")
    }
    assert here
    # Twisted looks for plug-ins in a folder of its own name.
    assert set(setup["options"]["packages"].split()) == {*here, "twisted.plugins"}


def test_there_are_extras() -> None:
    assert {"schematron", "xsd11", "xbrl"} <= set(EXTRAS)
    assert all(LISTS[each] for each in EXTRAS)


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_tests_need_every_extra_with_its_bounds(extra: str) -> None:
    """What is tested is what is promised: the lowest version is that of both."""
    assert set(LISTS[extra]) <= set(LISTS["test"])


def test_no_package_has_two_bounds() -> None:
    bounds: dict[str, set[str]] = {}
    for requirements in LISTS.values():
        for each in requirements:
            bounds.setdefault(named(each), set()).add(each)
    assert {name: found for name, found in bounds.items() if len(found) > 1} == {}


def test_no_list_names_a_package_twice() -> None:
    for name, requirements in LISTS.items():
        packages = list(map(named, requirements))
        assert len(packages) == len(set(packages)), name
