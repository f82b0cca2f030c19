"""Catalogues of small sets that tests write, and what they choose."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.rules.api import Report, Stage
from digipoort_wus.rules.catalogue import Catalogue, Choice, catalogue_of
from digipoort_wus.rules.head import Head, head_of
from digipoort_wus.rules.loading import load_set
from digipoort_wus.rules.ruleset import RuleSet
from digipoort_wus.rules.running import run
from digipoort_wus.rules.subject import Enclosure, Envelope, Subject
from digipoort_wus.rules.texts import filled
from tests.unit.rules.writing import KINDS

MAY = datetime(2026, 5, 1, 12, tzinfo=UTC)
BASE = 'berichtsoorten = ["*"]\nvalid_from = 2000-01-01'
VAT = 'berichtsoorten = ["OB"]\nvalid_from = 2020-01-01'
RULE = """
[[layer]]
id = "{id}"
stage = "{stage}"
goes_on = true
[[layer.rule]]
code = "{code}"
use = "{use}"
options.letters = "{letters}"
"""
TEXTS = """
[[layer]]
id = "only"
goes_on = true
[[layer.rule]]
code = "{code}"
use = "always"
severity = "warning"
message.nl = "Altijd."
message.en = "Always."
"""


class Sets:
    """Writes sets into a directory, and puts them together."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.loaded: list[RuleSet] = []

    def add(self, name: str, head: str, rules: str | None = None) -> RuleSet:
        """Add a set with one rule that is named after it, unless it is said otherwise."""
        id_, _, version = name.partition("@")
        code = id_.upper()
        rules = TEXTS.format(code=code) if rules is None else rules
        text = f'id = "{id_}"\nversion = "{version}"\ntitle = {{ nl = "n", en = "e" }}\n{head}\n'
        path = self._directory / f"{name}.toml"
        path.write_text(text + rules)
        self.loaded.append(load_set(path, KINDS))
        return self.loaded[-1]

    def catalogue(self) -> Catalogue:
        return catalogue_of(self.loaded)

    def refused(self) -> str:
        with pytest.raises(ConfigurationError) as caught:
            self.catalogue()
        return str(caught.value).replace(f"{self._directory}/", "")


def no_head() -> Head:
    raise AssertionError("the document does not matter")


def chosen(choice: Choice) -> str:
    return choice.chosen.name if choice.chosen else ""


def codes(choice: Choice) -> list[str]:
    return [rule.code for layer in choice.plan.layers for rule in layer.rules]


def judged(choice: Choice, octets: bytes = b"<a/>", stage: Stage = Stage.ENVELOPE) -> Report:
    enclosure = Enclosure("a.xml", "text/xml", len(octets))
    return run(choice.plan, Subject(Envelope("OB", MAY, enclosure), octets), stage)


def about(text: str) -> Callable[[], Head]:
    return lambda: head_of(text.encode())


def english(choice: Choice) -> str:
    """Return the text of the last rule, as it is explained."""
    (declared,) = choice.plan.layers[-1].rules[-1].compiled.codes.values()
    return filled(declared.text.en, {})
