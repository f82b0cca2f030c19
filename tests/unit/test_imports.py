"""Imports point one way: from the gateway down to the ground floor (design 2)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import digipoort_wus

PACKAGE = Path(digipoort_wus.__file__).parent

# A package may import those of lower floors, and itself; nothing on its own floor.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors", "limits", "ciphers", "clock", "names", "repeats", "_compat"),
    ("checks", "_crash"),
    ("xmlsafe", "pki"),
    ("soap", "filing"),
    ("wss", "rules", "evidence", "store"),
    ("process",),
    ("client", "contract", "identity_files"),
    ("ebms", "conformance", "console"),
    ("messaging", "config_addresses"),
    ("server", "delivery"),
    ("config", "config_table", "embedding"),
    ("materials", "config_rows", "authorising"),
    ("renewal", "operating", "gates", "stores", "config_file"),
    ("processing", "validating", "evidencing", "purging", "ebms_orders"),
    ("corresponding",),
    ("serving",),
    ("gateway", "peering"),
    ("ebms_agency",),
    ("cli", "testing"),
    ("_twist", "__init__", "__main__"),
)
# Read as "importer -> imported": arrows within a floor, each for a reason.
WITHIN_FLOOR = {
    ("checks", "errors"),
    ("soap", "filing"),
    ("server", "delivery"),
    ("process", "store"),
    ("cli", "testing"),
}
ONLY_IN = {
    "twisted": (
        *("server", "renewal", "operating", "gateway", "testing", "client"),
        *("_twist", "cli/serve", "cli/twist", "cli/agency", "cli/ebms_peer", "peering"),
    ),
    "prometheus_client": ("server/metrics", "server/gauges", "server/admin", "operating"),
    "spyne": ("contract", "server/spyne_host", "_compat"),
}
FLOOR_OF = {name: level for level, names in enumerate(FLOORS) for name in names}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def top(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def allowed(importer: str, target: str) -> bool:
    return (
        importer == target
        or FLOOR_OF[target] < FLOOR_OF[importer]
        or (importer, target) in WITHIN_FLOOR
    )


def wrong_arrows(path: Path, names: Iterator[str]) -> list[str]:
    importer, found = top(path), []
    stem = str(path.relative_to(PACKAGE).with_suffix(""))
    for name in names:
        parts = name.split(".")
        if parts[0] == "digipoort_wus" and len(parts) > 1:
            if parts[1] in FLOOR_OF and not allowed(importer, parts[1]):
                found.append(f"{stem} imports {name}")
        elif parts[0] in ONLY_IN and not stem.startswith(ONLY_IN[parts[0]]):
            found.append(f"{stem} imports {name}")
    return found


# What may ask for rules more than the interface of an engine says.
KNOWS_RULES = ("rules", "cli/rules", "__init__")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down_and_know_the_interface_of_an_engine_alone(path: Path) -> None:
    assert top(path) in FLOOR_OF, "give the new module a floor"
    names = tuple(imported(path))
    assert wrong_arrows(path, iter(names)) == []
    stem = str(path.relative_to(PACKAGE).with_suffix(""))
    if not stem.startswith(KNOWS_RULES):
        assert rules_beyond_the_interface(iter(names)) == []


def rules_beyond_the_interface(names: Iterator[str]) -> list[str]:
    return [
        name
        for name in names
        if name.startswith("digipoort_wus.rules") and not name.startswith("digipoort_wus.rules.api")
    ]


def test_more_than_the_interface_is_noticed() -> None:
    names = ["digipoort_wus.rules.api.Report", "digipoort_wus.rules.engine.Engine"]
    assert rules_beyond_the_interface(iter(names)) == names[1:]
    assert rules_beyond_the_interface(iter(["digipoort_wus.rules.Engine"]))


def test_a_turned_arrow_is_noticed() -> None:
    names = iter(["digipoort_wus.server.gate", "twisted.internet.reactor", "spyne.Application"])
    assert len(wrong_arrows(PACKAGE / "xmlsafe" / "parse.py", names)) == 3
