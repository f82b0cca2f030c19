"""What is new is given once, and is not lost when its answer cannot be made."""

from collections.abc import Callable, Sized
from datetime import UTC, datetime

import pytest
from lxml import etree

from digipoort_wus.client.errors import DigipoortFault
from digipoort_wus.filing.filing import Document, ReturnMessage
from digipoort_wus.filing.texts import NotSendable
from digipoort_wus.process.api import Scope
from digipoort_wus.server import gate, resources
from digipoort_wus.server.gate import Gate, Opened
from digipoort_wus.server.http import HttpAnswer
from digipoort_wus.testing import sandbox_gateway
from digipoort_wus.xmlsafe.splice import LargeTexts
from tests.unit.testing.test_sandbox import PARTY, codes, submit


def test_what_was_not_signed_stays_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong with an answer, the next one has what it would have had."""
    failing = 0
    sign = gate.answer

    def answer(one: Gate, opened: Opened, element: etree._Element, texts: LargeTexts) -> HttpAnswer:
        nonlocal failing
        if failing:
            failing -= 1
            raise RuntimeError("no answer can be made of this")
        return sign(one, opened, element, texts)

    monkeypatch.setattr(resources, "answer", answer)
    with sandbox_gateway() as digipoort:
        kenmerk = submit(digipoort)
        codes(digipoort, kenmerk)
        client = digipoort.client()
        asked: tuple[tuple[Callable[[], Sized], int], ...] = (
            (lambda: client.messages_of(kenmerk, scope=Scope.NEW), 1),
            (lambda: client.new_statuses("Omzetbelasting", PARTY), 9),
        )
        for ask, found in asked:
            failing = 1
            with pytest.raises(DigipoortFault):
                ask()
            assert [len(ask()), len(ask())] == [found, 0]


def test_a_message_that_no_answer_can_hold_closes_no_mailbox() -> None:
    """As it may stand in a store from before messages were judged when they are offered."""
    with sandbox_gateway() as digipoort:
        kenmerk = submit(digipoort)
        codes(digipoort, kenmerk)
        client = digipoort.client()
        bad = ReturnMessage(
            kenmerk=kenmerk,
            berichtkenmerk="bad",
            berichtsoort="Aanslag",
            offered_at=datetime(2020, 1, 1, tzinfo=UTC),
            belanghebbende=PARTY,
            rol_belanghebbende="Bedrijf",
            document=Document("text/xml", "naam\x0b.xml", b"<x/>"),
        )
        digipoort.gateway._store.write(lambda t: t.offer(bad)).result(20)
        for scope in (Scope.ALL, Scope.NEW):
            (message,) = client.messages_of(kenmerk, scope=scope)
            assert message.berichtkenmerk != "bad"
        with pytest.raises(NotSendable):
            digipoort.offer(bad)
