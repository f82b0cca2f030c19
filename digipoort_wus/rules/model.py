"""What a rule sees of a filing, and what it says about it.

A kind of rule is a plug-in: it compiles the options of a rule into one of three ways to look,
and looking gives hits. A kind never decides a status and never writes a text.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol, TypeAlias

from digipoort_wus.errors import Refusal
from digipoort_wus.filing.finding import Severity
from digipoort_wus.rules.api import Stage
from digipoort_wus.rules.subject import Subject
from digipoort_wus.xmlsafe import walk
from digipoort_wus.xmlsafe.walk import Place

CODE_MAX = 20
"""Characters of a code: what the interface has room for."""


class TechnicalError(Exception):
    """A rule could not be judged, which is never the filer's mistake.

    Args:
        message: for the operator: what was missing or broke, and nothing of what was filed.
    """


class Unfinished(TechnicalError):
    """A rule came to no end; what it found before counts all the same when it refuses."""


class OptionError(ValueError):
    """An option of a rule is missing, unknown or not what it must be; for who writes the set."""


class Cost(Enum):
    """Which worker judges a rule."""

    CHEAP = "cheap"
    """Milliseconds, with nobody's engine but libxml2."""
    HEAVY = "heavy"
    """Much time or memory, or an engine that has to be warm; its worker lives on."""
    FORKED = "forked"
    """An engine that keeps what it saw: a warm process forks for each filing. It may be single-
    threaded only, and what it loads it must load when the rule is compiled."""


@dataclass(frozen=True, slots=True)
class Text:
    """What a code says, with ``{name}`` where a value of the hit goes."""

    nl: str
    en: str


@dataclass(frozen=True, slots=True)
class Declared:
    """A code that a rule may give.

    Args:
        severity: unless the set overrides it.
        text: for the filer.
        basis: where the demand comes from, or ``inferred``.
    """

    severity: Severity
    text: Text
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """One place where a rule does not hold.

    Args:
        code: which of the rule's; empty when it has one.
        values: for the text; what the filer wrote goes in here alone, and is shortened.
        where: XPath, empty when it is about the whole filing.
        line: from 1; 0: not known.
        severity: of an engine that says so itself; None: as the code is declared.
        engine_code: as an engine of somebody else calls it.
    """

    code: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    where: str = ""
    line: int = 0
    severity: Severity | None = None
    engine_code: str = ""


class OctetReader(Protocol):
    """Is shown the octets of a document, before anything is parsed."""

    def read(self, piece: bytes) -> None:
        """See the next octets, in pieces of any size."""

    def hits(self) -> Iterable[Hit]:
        """Say what was found, after the last piece."""


class Listener(walk.Listener, Protocol):
    """Is told of the elements of a document, in their order; keeps little of them."""

    def hits(self) -> Iterable[Hit]:
        """Say what was found, after the last element."""


@dataclass(frozen=True, slots=True)
class Look:
    """Looks at the envelope, or at the tree when ``tree``."""

    look: Callable[[Subject], Iterable[Hit]]
    tree: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """Reads octets; a fatal hit keeps the document from being parsed."""

    begin: Callable[[Subject], OctetReader]


@dataclass(frozen=True, slots=True)
class Listen:
    """Listens to one walk along the document, together with others."""

    begin: Callable[[Subject, Place], Listener]


@dataclass(frozen=True, slots=True)
class Parsing:
    """Judges why a document could not be parsed; not asked about one that could."""

    judge: Callable[[Refusal], Iterable[Hit]]


Way: TypeAlias = Look | Read | Listen | Parsing


@dataclass(frozen=True, slots=True)
class Compiled:
    """A rule that is ready.

    Args:
        way: how it looks.
        codes: that it may give, in the order of the documentation.
    """

    way: Way
    codes: Mapping[str, Declared]


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What a rule set says of one rule, for the kind that compiles it.

    Args:
        code: of the rule.
        declared: its severity and text; None when the kind has texts of its own.
        options: what else stands in the rule; a kind refuses what it does not know.
        artefacts: files of the set by their name there, with the digest checked.
    """

    code: str
    declared: Declared | None
    options: Mapping[str, object]
    artefacts: Mapping[str, Path]


class Kind(Protocol):
    """A kind of rule: an entry point of the group ``digipoort_wus.rule_kinds``."""

    @property
    def name(self) -> str:
        """What a rule says behind ``use``."""

    @property
    def cost(self) -> Cost:
        """Which worker its rules need."""

    def compile(self, ingredients: Ingredients) -> Compiled:
        """Make a rule ready.

        Raises:
            OptionError: an option is missing, unknown or wrong.
            TechnicalError: something that it needs is not installed, or not here.
        """


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule, at its place in a set.

    Args:
        code: of the rule in its set.
        kind: what it ``use``s.
        compiled: how it looks.
        severities: what the set overrides, by code.
        disabled: codes of which hits are dropped.
    """

    code: str
    kind: str
    cost: Cost
    compiled: Compiled
    severities: Mapping[str, Severity] = field(default_factory=dict)
    disabled: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Layer:
    """Rules that are judged together.

    Args:
        id: in its set.
        set_id: ``id@version`` of the set that has it.
        digest: SHA-256 of that set and its artefacts, in hexadecimal digits.
        stage: of the two validations of a filing.
        rules: in their order.
        goes_on: whether later layers are judged although this one found an error.
        mime_types: of the documents that it is for, in lower case; empty: of all.
    """

    id: str
    set_id: str
    digest: str
    stage: Stage
    rules: tuple[Rule, ...]
    goes_on: bool = False
    mime_types: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a filing is judged by.

    Args:
        layers: in their order.
    """

    layers: tuple[Layer, ...]
