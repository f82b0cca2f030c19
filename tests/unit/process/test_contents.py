"""Large contents on their way: handles behind the gate, octets in a signed answer."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from digipoort_wus.filing.content import Content, read_content, size_of
from digipoort_wus.filing.filing import Document, Filing, ReturnMessage
from digipoort_wus.filing.party import Party
from digipoort_wus.process.agency import Accepted, Delivered, Refused, Rejected, Unreachable
from digipoort_wus.process.api import MailboxQuery, Scope
from digipoort_wus.process.later import Later, Overtaken
from digipoort_wus.rules.api import Report, Stage
from digipoort_wus.store.files import IN_ROW_BELOW
from digipoort_wus.store.values import PayloadDamaged
from tests.rules import base_rules
from tests.unit.process.sandbox import (
    DELIVERY,
    HAPPY,
    Sandbox,
    caller,
    done,
    new_id,
    opened,
)

LARGE = read_content(DELIVERY.document.content) + b"<!--" + b"x" * 500_000 + b"-->"
LARGE_DELIVERY = replace(DELIVERY, document=replace(DELIVERY.document, content=LARGE))


@dataclass
class Watching:
    """Rules and an agency that note what they are given; the agency accepts everything."""

    seen: list[Content] = field(default_factory=list)

    def validate(self, filing: Filing, stage: Stage) -> Report:
        self.seen.append(filing.delivery.document.content)
        return base_rules().validate(filing, stage)

    def deliver(self, filing: Filing, attempt: int) -> Delivered | Rejected | Unreachable:
        self.seen.append(filing.delivery.document.content)
        return Delivered()

    def answer(self, filing: Filing) -> Accepted | Refused | None:
        return Accepted(None)


def payload_files(directory: Path) -> Iterator[Path]:
    return (path for path in (directory / "data" / "payloads").rglob("*/*/*") if path.is_file())


def damage(path: Path) -> None:
    stored = bytearray(path.read_bytes())
    stored[len(stored) // 2] ^= 1
    path.write_bytes(stored)


def offer(sandbox: Sandbox, kenmerk: str, *contents: bytes) -> ReturnMessage:
    documents = [Document("text/xml", "x.xml", content) for content in contents]
    message = ReturnMessage(
        kenmerk=kenmerk,
        berichtkenmerk=new_id(),
        berichtsoort="Omzetbelasting",
        offered_at=sandbox.clock.now,
        belanghebbende=Party("001000044B37", "Fi"),
        rol_belanghebbende="Bedrijf",
        document=documents[0],
        attachments=tuple(documents[1:]),
    )
    sandbox.store.write(lambda transaction: transaction.offer(message)).result()
    return message


def fetched(sandbox: Sandbox, scope: Scope) -> list[ReturnMessage]:
    found = done(sandbox.service.messages(caller(), MailboxQuery(), scope))
    return list(found)


def test_rules_and_delivery_are_given_a_handle(tmp_path: Path) -> None:
    watching = Watching()
    with opened(tmp_path / "data", rules=watching, agency=watching) as sandbox:
        filing = sandbox.accept(LARGE_DELIVERY)
        assert LARGE not in next(payload_files(tmp_path)).read_bytes()
        sandbox.run()
        assert sandbox.codes(filing.kenmerk) == HAPPY
        assert len(watching.seen) == 3
        for content in watching.seen:
            assert not isinstance(content, bytes)
            assert size_of(content) == len(LARGE)
        assert read_content(watching.seen[0]) == LARGE


def test_a_damaged_filing_is_nobodys_mistake_but_ours(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as sandbox:
        filing = sandbox.accept(LARGE_DELIVERY)
        damage(next(payload_files(tmp_path)))
        sandbox.run()
        # Not found invalid: it waits to be looked at again, when it was restored.
        assert sandbox.codes(filing.kenmerk) == HAPPY[:4]
        assert sandbox.run() is not None


@pytest.mark.parametrize("scope", Scope)
def test_an_answer_holds_large_contents_whole(sandbox: Sandbox, scope: Scope) -> None:
    kenmerk = sandbox.accept().kenmerk
    contents = (b"small", b"x" * IN_ROW_BELOW, b"", b"y" * (IN_ROW_BELOW - 1))
    message = offer(sandbox, kenmerk, *contents)
    assert fetched(sandbox, scope) == [message]


def test_what_cannot_be_read_is_not_marked_as_fetched(sandbox: Sandbox, tmp_path: Path) -> None:
    kenmerk = sandbox.accept().kenmerk
    message = offer(sandbox, kenmerk, b"small", b"x" * 500_000)
    (path,) = payload_files(tmp_path)
    good = path.read_bytes()
    damage(path)
    for scope in Scope:
        with pytest.raises(PayloadDamaged):
            fetched(sandbox, scope)
    path.write_bytes(good)
    assert fetched(sandbox, Scope.NEW) == [message]
    assert fetched(sandbox, Scope.NEW) == []


def test_what_comes_after_the_reading_stays_new(sandbox: Sandbox) -> None:
    kenmerk, query = sandbox.accept().kenmerk, MailboxQuery()
    first = offer(sandbox, kenmerk, b"first")
    later = Later()
    asked = sandbox.service.messages(caller(), query, Scope.NEW, later)
    assert done(asked) == [first]
    second = offer(sandbox, kenmerk, b"second")
    done(later.settle())
    with pytest.raises(Overtaken):
        done(later.settle())
    assert fetched(sandbox, Scope.NEW) == [second]
