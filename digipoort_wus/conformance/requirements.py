"""The requirements on a provider: each with what enforces it here, or why nothing does."""

import importlib.resources
import tomllib
from dataclasses import dataclass
from typing import Literal, cast

Level = Literal["N", "B", "X", "D"]
LEVELS: dict[Level, str] = {
    "N": "normative Digikoppeling rule",
    "B": "best practice",
    "X": "a standard that Digikoppeling names",
    "D": "a decision of ours where the standards are silent",
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement of the Digikoppeling documents on a WUS provider.

    Args:
        id: the official one where there is one; otherwise section and subject.
        says: what must hold, in our own words.
        checks: ids of the checks that enforce it on what comes in.
        tests: what holds it beside the attack cases, as ``file::test``.
        not_applicable: why nothing here enforces it; empty where something does.
    """

    id: str
    level: Level
    says: str
    checks: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    not_applicable: str = ""

    @property
    def names(self) -> frozenset[str]:
        """Return the id, and each single one of a row for several rules of WS-I BSP."""
        if not self.id.startswith("BSP "):
            return frozenset({self.id})
        rules = self.id.removeprefix("BSP ").split(", ")
        return frozenset({self.id, *(f"BSP {rule}" for rule in rules)})


def load_requirements() -> tuple[Requirement, ...]:
    """Return every requirement, in the order of the documents."""
    source = importlib.resources.files(__package__) / "requirements.toml"
    table = tomllib.loads(source.read_text(encoding="utf-8"))
    return tuple(_requirement(row) for row in table["requirement"])


def _requirement(row: dict[str, object]) -> Requirement:
    return Requirement(
        id=str(row["id"]),
        level=cast(Level, row["level"]),
        says=str(row["says"]),
        checks=_texts(row, "checks"),
        tests=_texts(row, "tests"),
        not_applicable=str(row.get("not_applicable", "")),
    )


def _texts(row: dict[str, object], key: str) -> tuple[str, ...]:
    return tuple(str(value) for value in cast(list[object], row.get(key, [])))
