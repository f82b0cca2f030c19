"""Rules for tests that are about something else: those of the base set, for every berichtsoort."""

from functools import cache
from pathlib import Path

from digipoort_wus.rules.catalogue import catalogue_of
from digipoort_wus.rules.discovery import installed_kinds
from digipoort_wus.rules.engine import SHIPPED, Engine
from digipoort_wus.rules.loading import load_sets

RULE = """
id = "our.rules"
version = "{version}"
title.nl = "Eigen regels"
title.en = "Rules of our own"
berichtsoorten = ["{berichtsoort}"]
valid_from = 2020-01-01

[[layer]]
id = "name"
stage = "envelope"
[[layer.rule]]
code = "OUR-NAME"
use = "file-name"
severity = "error"
basis = "inferred"
message.nl = "De bestandsnaam is niet die van versie {version}."
message.en = "The name of the file is not that of version {version}."
options.pattern = "{pattern}"
"""


def write_rule(
    directory: Path, pattern: str, *, berichtsoort: str = "Proefbericht", version: int = 1
) -> None:
    """Write a set of one rule, which a file name has to match; the directory is made."""
    directory.mkdir(exist_ok=True)
    (directory / "ours.toml").write_text(
        RULE.format(version=version, berichtsoort=berichtsoort, pattern=pattern)
    )


@cache
def base_rules() -> Engine:
    """Return an engine that knows no other set: it judges all as what no set is for."""
    sets = load_sets((SHIPPED,), installed_kinds())
    return Engine(catalogue_of([one for one in sets if one.id == "nl.base"]))
