"""Has a filing judged, and tells what the store could not give from what the rules found.

A rule engine calls it undetermined when it cannot read a document, and that ends in a status
for the filer. But a store that does not answer is asked again for as long as it takes, and one
whose contents are damaged is for an operator.
"""

from dataclasses import dataclass, field, replace
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, BinaryIO

from digipoort_wus.filing.content import StoredContent
from digipoort_wus.filing.filing import Document, Filing
from digipoort_wus.rules.api import Report, RuleEngine, Stage

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def judged(rules: RuleEngine, filing: Filing, stage: Stage) -> Report:
    """Ask the rule engine.

    Args:
        rules: the engine.
        filing: with its documents.
        stage: at which of the two validations.

    Raises:
        Busy: the engine has no room now.
        Exception: what the store raised of contents that it could not give, whatever the
            engine made of that; or what the engine raised.
    """
    failures: list[Exception] = []
    said = filing.delivery
    watched = replace(
        said,
        document=_watched(said.document, failures),
        attachments=tuple(_watched(one, failures) for one in said.attachments),
    )
    try:
        report = rules.validate(replace(filing, delivery=watched), stage)
    except Exception:
        if failures:
            raise failures[0] from None
        raise
    if failures:
        raise failures[0]
    return report


def _watched(document: Document, failures: list[Exception]) -> Document:
    content = document.content
    if isinstance(content, bytes):
        return document
    return replace(document, content=_Watched(content, failures))


@dataclass(frozen=True, slots=True)
class _Watched:
    """Contents of a store that note why they could not be read."""

    content: StoredContent
    failures: list[Exception] = field(repr=False, compare=False)

    @property
    def size(self) -> int:
        return self.content.size

    def open(self) -> BinaryIO:
        try:
            source = self.content.open()
        except Exception as error:
            self.failures.append(error)
            raise
        return BufferedReader(_WatchedFile(source, self.failures))

    def read(self) -> bytes:
        try:
            return self.content.read()
        except Exception as error:
            self.failures.append(error)
            raise


class _WatchedFile(RawIOBase):
    """A file of a store that notes why it could not be read."""

    def __init__(self, source: BinaryIO, failures: list[Exception]) -> None:
        super().__init__()
        self._source = source
        self._failures = failures

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        room = memoryview(buffer)
        try:
            found = self._source.read(len(room))
        except Exception as error:
            self._failures.append(error)
            raise
        room[: len(found)] = found
        return len(found)

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()
