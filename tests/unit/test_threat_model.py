"""The threat model names what exists: every promise has a test or a case that holds it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from digipoort_wus.config import Config
from digipoort_wus.conformance.cases import cases_directory, load_cases

TREE = Path(__file__).parents[2]
MODEL = (TREE / "THREAT_MODEL.md").read_text(encoding="utf-8")
CASES = {f"attacks/{case.family}/{case.id}" for case in load_cases(cases_directory())}
FAMILIES = {name.rpartition("/")[0] for name in CASES}
_TOKEN = re.compile(r"`([^`]+)`")


def section(title: str) -> str:
    (found,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", MODEL, re.DOTALL | re.MULTILINE)
    return str(found)


def promises() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each promise with what holds it."""
    for line in section("Promises").splitlines():
        if line.startswith("| ") and not line.startswith("| promise "):
            _, promise, held_by, _ = line.split("|")
            yield promise.strip(), tuple(_TOKEN.findall(held_by))


ROWS = dict(promises())


def functions_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def exists(holder: str) -> bool:
    file, _, function = holder.partition("::")
    if function:
        path = TREE / file
        return function.startswith("test_") and path.is_file() and function in functions_in(path)
    return holder in CASES or holder in FAMILIES


def test_there_are_promises_of_every_kind() -> None:
    kinds = re.findall(r"^### (.+)$", section("Promises"), re.MULTILINE)
    tables = re.findall(r"^\| promise \| held by \|$", section("Promises"), re.MULTILINE)
    assert len(kinds) == len(tables) == 6
    assert len(ROWS) >= 30
    assert "PROMISES" not in MODEL


@pytest.mark.parametrize("promise", ROWS)
def test_a_promise_is_held_by_what_exists(promise: str) -> None:
    assert promise.endswith(".")
    assert ROWS[promise]
    assert [holder for holder in ROWS[promise] if not exists(holder)] == []


def test_what_does_not_exist_is_noticed() -> None:
    here = "tests/unit/test_threat_model.py"
    assert exists(f"{here}::test_what_does_not_exist_is_noticed")
    assert not exists(f"{here}::test_nothing")
    assert not exists(f"{here}::exists")
    assert not exists("tests/unit/test_nothing.py::test_nothing")
    assert not exists("attacks/nothing")
    assert not exists("attacks/xsw/nothing")


def test_every_family_of_attacks_breaks_a_promise() -> None:
    """Except what breaks only the contract of the interface."""
    held = {holder for holders in ROWS.values() for holder in holders}
    named = {"/".join(holder.split("/")[:2]) for holder in held if holder.startswith("attacks/")}
    assert FAMILIES - named == {"attacks/contract"} - named


def test_knobs_are_settings_and_their_defaults_are_told() -> None:
    knobs = section("Knobs")
    source = (TREE / "digipoort_wus" / "config_file.py").read_text(encoding="utf-8")
    named = re.findall(r"^\| (`[^|]+?) \|", knobs, re.MULTILINE)
    for name in _TOKEN.findall(" ".join(named)):
        key = re.split(r"[ =.]", name.strip("[]"))[-1 if "." in name else 0]
        assert f'"{key}"' in source, name
    default = Config()
    assert (default.mode, default.host, default.signature_engine) == (
        "sandbox",
        "localhost",
        "native",
    )
    assert (default.fetches_crls, default.accept_pss, default.fault_status) == (False, False, 500)
    assert (default.mandates, default.mailboxes, default.parties) == (frozenset(), frozenset(), ())
