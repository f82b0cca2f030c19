"""Rule sets that tests write, and small kinds that tests know all about."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.rules.model import (
    Compiled,
    Cost,
    Declared,
    Hit,
    Ingredients,
    Kind,
    Look,
    OptionError,
    TechnicalError,
    Text,
)
from digipoort_wus.rules.subject import Subject

SET = """\
id = "nl.example"
version = "2026.1"
title.nl = "Voorbeeld"
title.en = "Example"
berichtsoorten = ["Omzetbelasting"]
valid_from = 2026-01-01
valid_until = 2026-12-31

[[layer]]
id = "first"
stage = "envelope"
goes_on = true
[[layer.rule]]
code = "EX-1"
use = "always"
severity = "error"
basis = "a clause"
message.nl = "Altijd {found}."
message.en = "Always {found}."
[[layer.rule]]
code = "EX-2"
use = "texts-of-its-own"
options.letters = "AB"

[[layer]]
id = "second"
[[layer.rule]]
code = "EX-3"
use = "file"
severity = "warning"
message.nl = "Nooit."
message.en = "Never."
options.schema = "small.xsd"

[artefacts."small.xsd"]
sha256 = "1121cfccd5913f0a63fec40a6ffd44ea64f9dc135c66634ba001d10bcf4302a2"

[override."EX-2A"]
severity = "info"
reason = "agreed with the agency"

[disable]
"EX-2B" = "the agency has withdrawn it"
"""
SMALL = b"3\n"
SHA = "1121cfccd5913f0a63fec40a6ffd44ea64f9dc135c66634ba001d10bcf4302a2"
"""Of this artefact."""
CODE_IS = "a code: at most 20 letters, digits, dots, colons, hyphens and underscores"
"""How a mistake ends that is about a code."""


def never(_: Subject) -> Iterable[Hit]:
    return ()


def always(_: Subject) -> Iterable[Hit]:
    return (Hit(values={"found": "hier"}),)


class Always:
    """Finds what the set says, in every filing."""

    name = "always"
    cost = Cost.CHEAP

    def compile(self, ingredients: Ingredients) -> Compiled:
        if ingredients.declared is None:
            raise OptionError("severity and message are needed")
        if ingredients.options:
            raise OptionError(f"{min(ingredients.options)} is no option")
        return Compiled(Look(always), {ingredients.code: ingredients.declared})


class TextsOfItsOwn:
    """Gives a code for each letter."""

    name = "texts-of-its-own"
    cost = Cost.CHEAP

    def compile(self, ingredients: Ingredients) -> Compiled:
        letters = str(ingredients.options["letters"])
        text = Text("Letter.", "Letter.")
        codes = {f"{ingredients.code}{each}": Declared("error", text) for each in letters}
        return Compiled(Look(lambda _: [Hit(code) for code in codes]), codes)


class File:
    """Needs an artefact, and finds nothing."""

    name = "file"
    cost = Cost.HEAVY

    def compile(self, ingredients: Ingredients) -> Compiled:
        path = ingredients.artefacts[str(ingredients.options["schema"])]
        if path.read_bytes() != SMALL or ingredients.declared is None:
            raise OptionError("not what this test wrote")
        return Compiled(Look(never), {ingredients.code: ingredients.declared})


@dataclass(frozen=True)
class Bad:
    """Returns or raises anything."""

    name: str
    gives: object
    cost: Cost = Cost.CHEAP

    def compile(self, ingredients: Ingredients) -> Compiled:
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives  # type: ignore[return-value] # as somebody's plug-in may


def bad_codes(codes: Mapping[object, object]) -> object:
    return Compiled(Look(never), codes)  # type: ignore[arg-type] # as somebody's plug-in may


DECLARED = Declared("error", Text("Nee.", "No."))
KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Always(),
        TextsOfItsOwn(),
        File(),
        Bad("not-installed", TechnicalError("the extra `big` is not installed")),
        Bad("raises", KeyError("letters")),
        Bad("no-memory", MemoryError()),
        Bad("raises-ours", ConfigurationError("the plug-in lacks a file.")),
        Bad("nothing", None),
        Bad("no-way", Compiled(None, {"X": DECLARED})),  # type: ignore[arg-type]
        Bad("no-codes", bad_codes({})),
        Bad("long-code", bad_codes({"formula:assertionUnsatisfied": DECLARED})),
        Bad("no-code", bad_codes({7: DECLARED})),
        Bad("no-declared", bad_codes({"X": "text"})),
        Bad("bad-severity", bad_codes({"X": Declared("deadly", Text("a", "b"))})),  # type: ignore[arg-type]
        Bad("bad-text", bad_codes({"X": Declared("error", Text("{0}", "b"))})),
    )
}


def write_set(directory: Path, text: str = SET, name: str = "example.toml") -> Path:
    """Write a set and the artefact of the one above."""
    (directory / "small.xsd").write_bytes(SMALL)
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path
