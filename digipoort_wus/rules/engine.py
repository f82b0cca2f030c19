"""The engine that judges in the process where it is called: for files, tools and tests.

A gateway judges in workers, which isolate; they call :func:`judge` for each filing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from digipoort_wus.clock import system_clock
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.filing import Filing
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.party import Party
from digipoort_wus.rules.api import Outcome, Report, Stage
from digipoort_wus.rules.artefacts import SHIPPED as SHIPPED
from digipoort_wus.rules.catalogue import Catalogue, Choice, catalogue_of
from digipoort_wus.rules.discovery import installed_kinds
from digipoort_wus.rules.head import head_of
from digipoort_wus.rules.loading import load_sets
from digipoort_wus.rules.running import run
from digipoort_wus.rules.subject import (
    LARGE_TREE_MAX,
    Enclosure,
    Envelope,
    Subject,
    subject_of,
)


@dataclass(frozen=True, slots=True)
class Checked:
    """What both validations of one filing came to.

    Args:
        chosen: ``id@version`` of the set; empty when none could be chosen.
        sets: of all whose layers were judged, in their order.
        envelope: the first validation.
        content: the second; None when the first did not let the filing through.
    """

    chosen: str
    sets: tuple[str, ...]
    envelope: Report
    content: Report | None

    @property
    def last(self) -> Report:
        """Return the validation that decided."""
        return self.envelope if self.content is None else self.content

    @property
    def outcome(self) -> Outcome:
        """Return what the filing is."""
        return self.last.outcome

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return all findings of both, in order of the rules."""
        return self.envelope.findings + (() if self.content is None else self.content.findings)


@dataclass(frozen=True, slots=True)
class Engine:
    """Implements :class:`~digipoort_wus.rules.api.RuleEngine` in this process.

    A rule that raises makes a filing undetermined. One that hangs, or ends the process, does so
    here, too: what judges strangers' filings belongs in workers.

    Args:
        catalogue: the rule sets; an engine never changes, so threads may share it.
    """

    catalogue: Catalogue

    @classmethod
    def shipped(cls, *, added: Path | None = None) -> "Engine":
        """Return an engine with the rule sets of this package.

        Args:
            added: directory of the artefacts that the operator adds, those of each set below
                its ``id``.

        Raises:
            ConfigurationError: an added artefact is not what its set says.
        """
        return cls.of((SHIPPED,), added=added)

    @classmethod
    def of(cls, directories: Iterable[Path], *, added: Path | None = None) -> "Engine":
        """Return an engine with the rule sets of directories and all installed kinds.

        Args:
            directories: each with ``*.toml``; :data:`SHIPPED` is there only when it is named.
            added: directory of the artefacts that the operator adds, those of each set below
                its ``id``.

        Raises:
            ConfigurationError: a directory, a set or a plug-in is not what it must be.
        """
        return cls(catalogue_of(load_sets(directories, installed_kinds(), added)))

    def validate(self, filing: Filing, stage: Stage) -> Report:
        """Judge one filing at one stage."""
        return judge(self.catalogue, subject_of(filing), stage)

    def check(self, subject: Subject) -> Checked:
        """Judge one filing at both stages, as far as it comes.

        Args:
            subject: for this call alone.
        """
        choice = choose(self.catalogue, subject)
        envelope = run(choice.plan, subject, Stage.ENVELOPE)
        valid = envelope.outcome is Outcome.VALID
        return Checked(
            "" if choice.chosen is None else choice.chosen.name,
            tuple(each.name for each in choice.sets),
            envelope,
            run(choice.plan, subject, Stage.CONTENT) if valid else None,
        )

    def check_file(
        self,
        path: Path,
        *,
        berichtsoort: str,
        party: Party | None = None,
        received: datetime | None = None,
        mime_type: str = "text/xml",
    ) -> Checked:
        """Judge a file as if it was filed.

        Args:
            path: of the document; its name is the name that it is filed under.
            berichtsoort: as it would be filed.
            party: the belanghebbende; None: rules about it say that it is not known.
            received: moment of receipt, with a time zone; None: now.
            mime_type: of the document.

        Raises:
            ConfigurationError: the file cannot be read, or ``received`` has no time zone.
        """
        moment = system_clock() if received is None else received
        if moment.utcoffset() is None:
            raise ConfigurationError("received needs a time zone: the day of receipt is Dutch.")
        content = _file(path)
        document = Enclosure(path.name, mime_type, content.size)
        envelope = Envelope(berichtsoort, moment, document, party)
        return self.check(Subject(envelope, content, tree_max=LARGE_TREE_MAX))


@dataclass(frozen=True, slots=True)
class FileContent:
    """The octets of a file, read piece by piece.

    Args:
        path: of a file that nobody changes meanwhile.
        size: in octets.
    """

    path: Path
    size: int

    def open(self) -> BinaryIO:
        """Open the octets for reading from the start."""
        return self.path.open("rb")

    def read(self) -> bytes:
        """Return all octets."""
        return self.path.read_bytes()


def choose(catalogue: Catalogue, subject: Subject) -> Choice:
    """Choose what a filing is judged by; raises nothing."""
    about = subject.envelope
    return catalogue.choose(about.berichtsoort, about.received, lambda: head_of(subject.content))


def judge(catalogue: Catalogue, subject: Subject, stage: Stage) -> Report:
    """Judge one filing at one stage by the set that is for it; raises nothing of a rule's.

    Args:
        catalogue: the rule sets.
        subject: for this call alone.
        stage: which layers are judged.
    """
    return run(choose(catalogue, subject).plan, subject, stage)


def _file(path: Path) -> FileContent:
    try:
        with path.open("rb"):
            return FileContent(path, path.stat().st_size)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
