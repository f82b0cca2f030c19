"""From the TOML file of a rule set to its compiled layers; every mistake is a sentence.

A set says what it is for and which rules it has; kinds say how rules look. A file that is not
exactly what it says it is, is refused as a whole: half a set would let filings through.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.rules.artefacts import Files, artefacts_of, digest_of
from digipoort_wus.rules.compiling import (
    ANY_COST,
    CODE,
    CODE_IS,
    SEVERITIES,
    Surroundings,
    compiled_layers,
    message_of,
)
from digipoort_wus.rules.model import Cost, Kind
from digipoort_wus.rules.ruleset import EVERYTHING, Applies, Override, RuleSet
from digipoort_wus.rules.table import Table

_ID = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
_VERSION = re.compile(r"[0-9A-Za-z]+([.-][0-9A-Za-z]+)*")
_NAME = re.compile(rf"{_ID.pattern}@{_VERSION.pattern}")
_ROOT = re.compile(r"(\{[^{}\s]+\})?[^{}\s:]+")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")


def load_sets(
    directories: Iterable[Path],
    kinds: Mapping[str, Kind],
    added: Path | None = None,
    *,
    costs: frozenset[Cost] = ANY_COST,
) -> tuple[RuleSet, ...]:
    """Read and compile the sets of directories: each ``*.toml`` in them, not below them.

    Args:
        directories: in any order.
        kinds: by name.
        added: directory where the operator puts the artefacts that are not shipped, those of
            each set below its ``id``.
        costs: of the rules that are compiled; others keep their places, and cannot be judged.

    Raises:
        ConfigurationError: a directory or a set is not what it must be.
    """
    return tuple(
        load_set(path, kinds, added, costs=costs)
        for directory in directories
        for path in _files(directory)
    )


def load_set(
    path: Path,
    kinds: Mapping[str, Kind],
    added: Path | None = None,
    *,
    costs: frozenset[Cost] = ANY_COST,
) -> RuleSet:
    """Read and compile one rule set.

    Args:
        path: of the TOML file; artefacts of the set lie beside it or in directories there.
        kinds: by name.
        added: directory where the operator puts the artefacts that are not shipped, those of
            each set below its ``id``.
        costs: of the rules that are compiled; others keep their places, and cannot be judged.

    Raises:
        ConfigurationError: it says something wrong, an artefact was changed, or a file is not
            readable.
    """
    octets, values = _read(path)
    table = Table(values, str(path))
    id_ = table.matching("id", _ID, "a name such as nl.bd.omzetbelasting")
    version = table.matching("version", _VERSION, "a version such as 2026.1")
    title = message_of(table, "title")
    berichtsoorten = _berichtsoorten(table)
    valid_from, valid_until = _validity(table)
    applies = _applies(table)
    requires = _requires(table, f"{id_}@{version}")
    artefacts = artefacts_of(table, id_, path.parent, None if added is None else added / id_)
    overrides = {each.last: _override(each) for each in table.named("override")}
    disabled = _disabled(table.section("disable"), overrides)
    digest = digest_of(octets, artefacts)
    files = Files(artefacts)
    around = Surroundings(f"{id_}@{version}", digest, kinds, files, costs)
    layers, unready = compiled_layers(table, around)
    table.done()
    if not layers and not requires:
        raise table.wrong("layer", "the set has no rule: write [[layer]] and [[layer.rule]]")
    return RuleSet(
        id_,
        version,
        title,
        berichtsoorten,
        valid_from,
        valid_until,
        applies,
        requires,
        layers,
        digest,
        overrides,
        disabled,
        artefacts,
        unready,
        str(path),
        files.asked,
    )


def _files(directory: Path) -> list[Path]:
    if not directory.is_dir():
        raise ConfigurationError(f"{directory} is no directory: rule sets are files in one.")
    found = sorted(directory.glob("*.toml"))
    if not found:
        raise ConfigurationError(f"{directory} has no rule set: those are files named *.toml.")
    return found


def _read(path: Path) -> tuple[bytes, Mapping[str, object]]:
    try:
        octets = path.read_bytes()
        return octets, tomllib.loads(octets.decode())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8: save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is not TOML: {error}.") from error
    except RecursionError as error:
        raise ConfigurationError(f"{path} is not TOML: it is nested too deep.") from error


def _berichtsoorten(table: Table) -> tuple[str, ...]:
    if not table.has("berichtsoorten"):
        raise table.wrong(
            "berichtsoorten", "it is missing: name them, or write [] when only other sets need it"
        )
    found = table.texts("berichtsoorten", "names of berichtsoorten")
    if EVERYTHING in found and len(found) > 1:
        raise table.wrong("berichtsoorten", '"*" stands alone: it is what no other set names')
    return found


def _validity(table: Table) -> tuple[date, date | None]:
    valid_from = table.day("valid_from")
    valid_until = table.day("valid_until") if table.has("valid_until") else None
    if valid_until is not None and valid_until < valid_from:
        raise table.wrong("valid_until", f"it must not be before valid_from, {valid_from}")
    return valid_from, valid_until


def _applies(table: Table) -> Applies:
    if not table.has("applies"):
        return Applies()
    section = table.section("applies")
    found = Applies(
        section.texts("root", "names such as {http://example.org}Invoice"),
        section.texts("schema_refs", "URLs of entry points"),
    )
    section.done()
    for root in found.roots:
        if not _ROOT.fullmatch(root):
            raise section.wrong(
                "root", f"{root!r} is no name such as {{http://example.org}}Invoice"
            )
    for url in found.schema_refs:
        if not _URL.fullmatch(url):
            raise section.wrong("schema_refs", f"{url!r} is no URL of an entry point")
    if found.anything:
        raise table.wrong("applies", "name root or schema_refs in it, or leave it out")
    return found


def _requires(table: Table, name: str) -> tuple[str, ...]:
    found = table.texts("requires", "names such as nl.base@1")
    for each in found:
        if not _NAME.fullmatch(each):
            raise table.wrong("requires", f"{each!r} is not a name and a version, as nl.base@1 is")
        if each == name:
            raise table.wrong("requires", f"{each} is this set itself: leave it out")
    return found


def _override(table: Table) -> Override:
    if not CODE.fullmatch(table.last):
        raise table.wrong("", f"{table.last!r} is not {CODE_IS}")
    override = Override(table.one_of("severity", SEVERITIES), table.text("reason"))
    table.done()
    return override


def _disabled(table: Table, overrides: Mapping[str, Override]) -> Mapping[str, str]:
    reasons = {}
    for code in table.values():
        if not CODE.fullmatch(code):
            raise table.wrong(code, f"{code!r} is not {CODE_IS}")
        if code in overrides:
            raise table.wrong(code, "[override] has it too: leave one of the two out")
        reasons[code] = table.text(code)
    return reasons
