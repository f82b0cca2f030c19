"""The tool that turns checks off: its excuses are of checks that exist, and its runs run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.turn_off_checks import SECOND_LINES, Site, makers, sites

MAKERS = makers()
SITES = [
    site for file in sorted({file for file, _ in SECOND_LINES}) for site in sites(file, MAKERS)
]


@pytest.mark.parametrize(("file", "words"), SECOND_LINES)
def test_an_excuse_is_of_a_check_that_exists(file: str, words: str) -> None:
    assert [site for site in SITES if site.file == file and words in site.source]


# Neither is seen by the corpus: a test alone stands for it.
HELD_BY_A_TEST = {
    ("pki/chain.py", "an OIN for {acceptance.name}"): "tests/unit/pki/test_chain.py",
    ("process/queries.py", "checks.PERIOD_ORDER"): "tests/unit/process/test_queries.py",
}


def site_of(file: str, words: str) -> Site:
    (site,) = (site for site in SITES if site.file == file and words in site.source)
    return site


def pytest_without(site: Site, *arguments: str) -> int:
    command = [sys.executable, "-m", "tests.turn_off_checks", "--off", str(site), "pytest"]
    # With PYTHONSAFEPATH, as tox sets it, the folder it runs in is not on the path.
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.run(
        [*command, *arguments], capture_output=True, timeout=300, check=False, env=env
    ).returncode


@pytest.mark.parametrize(("file", "words"), HELD_BY_A_TEST)
def test_without_the_check_its_test_fails(file: str, words: str) -> None:
    assert pytest_without(site_of(file, words), HELD_BY_A_TEST[file, words]) == 1


def test_a_test_of_something_else_does_not_fail() -> None:
    site = site_of("process/queries.py", "checks.PERIOD_ORDER")
    assert pytest_without(site, "tests/unit/pki/test_oin.py") == 0
