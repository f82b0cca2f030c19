"""The catalogue of checks: complete, unique, and used."""

import ast
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import digipoort_wus
from digipoort_wus import checks
from digipoort_wus.errors import Check

PACKAGE = Path(digipoort_wus.__file__).parent
HELPERS = {"CATALOGUE", "by_id"}
NUMBERS = {100, 110, 120, 130, 140, 150, 160, 170, 400}


def names() -> dict[str, Check]:
    return {name: value for name, value in vars(checks).items() if isinstance(value, Check)}


def used_names() -> set[str]:
    """Return every attribute of ``checks`` that the package names."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "checks":
                found.add(node.attr)
    return found


def test_identifiers_are_unique() -> None:
    ids = [check.id for check in checks.CATALOGUE]
    assert len(ids) == len(set(ids)) == len(names())


@pytest.mark.parametrize("name", names())
def test_a_check_is_complete(name: str) -> None:
    check = names()[name]
    assert check.id == name.replace("_", "-")
    assert check.clause
    for sentence in (check.rule, check.uitleg):
        assert re.fullmatch(r"[A-Za-z][^\n]{10,200}\.", sentence), sentence
    assert check.rule != check.uitleg
    assert check.code in NUMBERS
    assert (check.side == "Server") == (check.code == 400)
    assert (check.http is not None) == check.id.startswith("HTTP-")


def test_every_check_is_used_and_every_used_check_exists() -> None:
    assert used_names() - HELPERS == set(names())


def test_a_check_of_any_family_is_in_the_catalogue_and_can_be_imported() -> None:
    families = [
        importlib.import_module(f"{checks.__name__}.{module.name}")
        for module in pkgutil.iter_modules(checks.__path__)
    ]
    made = [v for family in families for v in vars(family).values() if isinstance(v, Check)]
    assert len(made) == len(checks.CATALOGUE)
    assert set(made) == set(checks.CATALOGUE)
    assert set(checks.__all__) == set(names()) | HELPERS


def test_a_check_is_found_by_its_identifier() -> None:
    for check in checks.CATALOGUE:
        assert checks.by_id(check.id) is check
    with pytest.raises(KeyError):
        checks.by_id("NO-SUCH-CHECK")
