"""What the store cannot give is the store's failure, whatever a rule engine makes of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import BinaryIO

import pytest

from digipoort_wus.filing.content import open_content, read_content
from digipoort_wus.filing.filing import Document, Filing
from digipoort_wus.process.judging import judged
from digipoort_wus.rules.api import Busy, Outcome, Report, Stage
from digipoort_wus.store.ports import PayloadsUnreachable
from tests.unit.process.sandbox import DELIVERY, START

OCTETS = bytes(range(256)) * 1_000
GONE = PayloadsUnreachable("nobody answers")
VALID = Report(Outcome.VALID)
UNDETERMINED = Report(Outcome.UNDETERMINED)


class Breaks(BytesIO):
    """A file that ends in the middle."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= 100_000:
            raise GONE
        return super().read(size)


@dataclass
class Kept:
    """Contents of a store."""

    make: Callable[[bytes], BinaryIO] = BytesIO
    size: int = len(OCTETS)
    files: list[BinaryIO] = field(default_factory=list)

    def open(self) -> BinaryIO:
        self.files.append(self.make(OCTETS))
        return self.files[-1]

    def read(self) -> bytes:
        return self.make(OCTETS).read()


class Gone(Kept):
    def open(self) -> BinaryIO:
        raise GONE

    def read(self) -> bytes:
        raise GONE


@dataclass
class Reads:
    """Rules that read everything, and find it undetermined when they cannot."""

    read: Callable[[Filing], object]

    def validate(self, filing: Filing, stage: Stage) -> Report:
        try:
            self.read(filing)
        except Exception:
            return UNDETERMINED
        return VALID


def pieces(filing: Filing) -> bytes:
    with open_content(filing.delivery.document.content) as source:
        return b"".join(iter(lambda: source.read(65_536), b""))


def whole(filing: Filing) -> bytes:
    return read_content(filing.delivery.document.content)


def attached(filing: Filing) -> bytes:
    return read_content(filing.delivery.attachments[0].content)


def filing(content: Kept, attachment: Kept | None = None) -> Filing:
    more = (Document("a/b", "b", attachment),) if attachment else ()
    said = replace(DELIVERY, document=replace(DELIVERY.document, content=content), attachments=more)
    return Filing("kenmerk", "bericht", "0" * 20, START, said)


def test_rules_read_what_was_stored_and_close_it() -> None:
    kept = Kept()
    seen: list[bytes] = []

    def read(one: Filing) -> None:
        assert one.delivery.document.content.size == len(OCTETS)  # type: ignore[union-attr]
        seen.extend((pieces(one), whole(one)))

    assert judged(Reads(read), filing(kept), Stage.CONTENT) == VALID
    assert seen == [OCTETS, OCTETS]
    assert [file.closed for file in kept.files] == [True]


@pytest.mark.parametrize(
    ("read", "one"),
    [
        (pieces, filing(Gone())),
        (whole, filing(Gone())),
        (pieces, filing(Kept(Breaks))),
        (attached, filing(Kept(), Gone())),
    ],
)
def test_what_cannot_be_read_is_raised_as_the_store_raised_it(
    read: Callable[[Filing], object], one: Filing
) -> None:
    with pytest.raises(PayloadsUnreachable) as caught:
        judged(Reads(read), one, Stage.CONTENT)
    assert caught.value is GONE


def test_it_wins_from_what_the_engine_raises_of_it() -> None:
    class Raises:
        def validate(self, filing: Filing, stage: Stage) -> Report:
            try:
                whole(filing)
            except Exception as error:
                raise RuntimeError from error
            return VALID

    with pytest.raises(PayloadsUnreachable):
        judged(Raises(), filing(Gone()), Stage.CONTENT)


@pytest.mark.parametrize("error", [Busy("full"), ValueError("ours")])
def test_what_the_engine_raises_by_itself_is_its_own(error: Exception) -> None:
    class Raises:
        def validate(self, filing: Filing, stage: Stage) -> Report:
            raise error

    with pytest.raises(type(error)) as caught:
        judged(Raises(), filing(Kept()), Stage.CONTENT)
    assert caught.value is error


def test_what_nobody_reads_breaks_nothing() -> None:
    assert judged(Reads(lambda _: None), filing(Gone()), Stage.ENVELOPE) == VALID
