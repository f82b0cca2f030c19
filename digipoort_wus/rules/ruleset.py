"""A rule set as its file says it, compiled."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol, TypeVar

from digipoort_wus.filing.finding import Severity
from digipoort_wus.rules.model import Layer, Text

EVERYTHING = "*"
"""As a berichtsoort: what no other set names."""


@dataclass(frozen=True, slots=True)
class Override:
    """Another severity for a code, of this set or of one that it requires."""

    severity: Severity
    reason: str


@dataclass(frozen=True, slots=True)
class Artefact:
    """A file that rules of a set need.

    Args:
        name: in the set.
        sha256: of its octets, in hexadecimal digits.
        path: where it lies; None: the operator has not added it yet.
        expected_at: where the operator has to put it; None: it is shipped with the set, or no
            directory for added artefacts was given.
        source: a sentence that says where the operator gets it; empty when it is shipped.
        optional: rules that need it are left out while it is not here; otherwise they make a
            filing undetermined.
        place: a sentence that says where the operator has to put it; empty when it is shipped.
    """

    name: str
    sha256: str
    path: Path | None
    expected_at: Path | None = None
    source: str = ""
    optional: bool = False
    place: str = ""


@dataclass(frozen=True, slots=True)
class Unready:
    """A rule that cannot be judged in this process.

    Args:
        rule: its code.
        why: for the operator.
        left_out: whether it is not in its layer; otherwise it is, and makes each filing that it
            should judge undetermined.
    """

    rule: str
    why: str
    left_out: bool


@dataclass(frozen=True, slots=True)
class Applies:
    """Which documents a set is for: those that are in each list that is not empty.

    Args:
        roots: names of root elements, with the namespace in braces.
        schema_refs: entry points of XBRL taxonomies; the first of a document counts.
    """

    roots: tuple[str, ...] = ()
    schema_refs: tuple[str, ...] = ()

    @property
    def anything(self) -> bool:
        """Whether no document is left out."""
        return not (self.roots or self.schema_refs)

    def includes(self, root: str, schema_ref: str) -> bool:
        """Return whether a document is one of these.

        Args:
            root: name of its root element, with the namespace in braces.
            schema_ref: its first; empty when it has none.
        """
        return (not self.roots or root in self.roots) and (
            not self.schema_refs or schema_ref in self.schema_refs
        )

    def meets(self, other: "Applies") -> bool:
        """Return whether one document can be both of these and of those."""
        return _meet(self.roots, other.roots) and _meet(self.schema_refs, other.schema_refs)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """One version of a set of rules.

    Args:
        id: such as ``nl.bd.omzetbelasting``.
        version: such as ``2026.1``.
        title: what it is, for people.
        berichtsoorten: that it is for; none for one that is only required by others.
        valid_from: first day of receipt, of the Dutch calendar.
        valid_until: last day; None: no end yet.
        applies: to which documents.
        requires: ``id@version`` of sets whose layers come first.
        layers: of this set alone.
        digest: SHA-256 of the file and its artefacts, in hexadecimal digits.
        overrides: by code.
        disabled: reason by code, of a finding or of a whole rule.
        artefacts: in order of their names.
        unready: rules that cannot be judged, in their order.
        origin: the file, for messages.
        used: names of the artefacts that its rules asked for; less than all when some are unready.
    """

    id: str
    version: str
    title: Text
    berichtsoorten: tuple[str, ...]
    valid_from: date
    valid_until: date | None
    applies: Applies
    requires: tuple[str, ...]
    layers: tuple[Layer, ...]
    digest: str
    overrides: Mapping[str, Override] = field(default_factory=dict)
    disabled: Mapping[str, str] = field(default_factory=dict)
    artefacts: tuple[Artefact, ...] = ()
    unready: tuple[Unready, ...] = ()
    origin: str = ""
    used: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Return ``id@version``."""
        return f"{self.id}@{self.version}"

    @property
    def missing(self) -> tuple[Artefact, ...]:
        """Return the artefacts that the operator has not added yet."""
        return tuple(each for each in self.artefacts if each.path is None)

    def is_valid_on(self, day: date) -> bool:
        """Return whether filings that were received on this day are judged by it."""
        return is_valid_on(self, day)


class Dated(Protocol):
    """A set, or what is known of one: for which berichtsoorten and days it is."""

    @property
    def berichtsoorten(self) -> tuple[str, ...]:
        """That it is for; see :data:`EVERYTHING`."""

    @property
    def valid_from(self) -> date:
        """First day of receipt, of the Dutch calendar."""

    @property
    def valid_until(self) -> date | None:
        """Last day; None: no end yet."""


D = TypeVar("D", bound=Dated)


def named_by(sets: Iterable[D], berichtsoort: str, day: date | None = None) -> tuple[D, ...]:
    """Return the sets of a berichtsoort, in the order of their first days.

    Those of ``"*"`` when none names it; on a day: when none has named it up to then, so that
    a set can be there before its first day.

    Args:
        sets: to choose from.
        berichtsoort: exactly.
        day: leaves out sets that begin later; None: all days.
    """
    begun = [each for each in sets if day is None or each.valid_from <= day]
    own = [each for each in begun if berichtsoort in each.berichtsoorten]
    found = own or [each for each in begun if EVERYTHING in each.berichtsoorten]
    return tuple(sorted(found, key=lambda each: each.valid_from))


def is_valid_on(each: Dated, day: date) -> bool:
    """Return whether filings that were received on this day are judged by a set."""
    return each.valid_from <= day and (each.valid_until is None or day <= each.valid_until)


def _meet(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return not one or not other or not set(one).isdisjoint(other)
