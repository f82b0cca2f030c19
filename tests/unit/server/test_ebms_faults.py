"""A message handler that misbehaves on command: each fault does what it says, to one message."""

import threading
import time
from datetime import timedelta
from typing import Any, cast

import pytest

from digipoort_wus.ebms.names import SIGNALS
from digipoort_wus.ebms.opening import Inbound
from digipoort_wus.ebms.packaging import WrittenPackage
from digipoort_wus.messaging.posting import EMPTY, HttpReply
from digipoort_wus.server.ebms import NoReply
from digipoort_wus.server.ebms_faults import OTHER_CPA, Faults, Misdeed, Spell
from tests.messages import NOW

BUSINESS = b"<eb:Service eb:type='x'>urn:business</eb:Service>"
SIGNED = (
    f"<eb:CPAId>cpa-1</eb:CPAId><eb:Service>{SIGNALS}</eb:Service>"
    "<ds:SignatureValue>AbCd</ds:SignatureValue>"
).encode()
UNSIGNED = SIGNED.partition(b"<ds:")[0]


class Handler:
    """Counts what it receives, and answers with a signal or with nothing."""

    def __init__(self, signal: bytes = b"") -> None:
        self.received: list[bytes] = []
        self.posted: list[bytes] = []
        self._signal = signal

    def receive(self, inbound: Inbound) -> HttpReply:
        self.received.append(bytes(inbound.body))
        return HttpReply(200, "text/xml", self._signal) if self._signal else EMPTY

    def post(self, url: str, package: WrittenPackage, partner: object, terms: object) -> HttpReply:
        self.posted.append(cast(bytes, package.content))
        return EMPTY


def inbound(body: bytes = BUSINESS) -> Inbound:
    return Inbound("text/xml", body, None, NOW)


def posts(faults: Faults, handler: Handler, octets: bytes = SIGNED) -> HttpReply:
    nobody = cast(Any, None)
    return faults.posting(handler.post)("", WrittenPackage("text/xml", octets), nobody, nobody)


def test_faults_are_used_up_by_messages_and_not_by_signals() -> None:
    told: list[Misdeed] = []
    spells = [Spell(Misdeed.UNAVAILABLE, 2), Spell(Misdeed.NONE), Spell(Misdeed.ERROR, None)]
    handler, faults = Handler(), Faults(spells, tell=told.append)
    receive = faults.receiving(handler.receive)
    assert [receive(inbound()).status for _ in range(2)] == [503, 503]
    assert receive(inbound(SIGNED)) is EMPTY
    assert [receive(inbound()).status for _ in range(4)] == [204, 500, 500, 500]
    assert handler.received == [SIGNED, BUSINESS]
    assert told == [Misdeed.UNAVAILABLE] * 2 + [Misdeed.NONE] + [Misdeed.ERROR] * 3


def test_behind_the_last_fault_it_behaves() -> None:
    handler = Handler(SIGNED)
    receive = Faults([Spell(Misdeed.RESET)]).receiving(handler.receive)
    with pytest.raises(NoReply):
        receive(inbound())
    assert handler.received == []
    assert receive(inbound()).body == SIGNED


@pytest.mark.parametrize(
    ("misdeed", "signal"), [(Misdeed.LOSE_ACK, SIGNED), (Misdeed.BAD_SIGNATURE, UNSIGNED)]
)
def test_an_acknowledgment_in_the_answer_is_lost(misdeed: Misdeed, signal: bytes) -> None:
    handler = Handler(signal)
    receive = Faults([Spell(misdeed)]).receiving(handler.receive)
    with pytest.raises(NoReply):
        receive(inbound())
    assert handler.received == [BUSINESS], "it is kept all the same"


def test_an_acknowledgment_in_the_answer_is_spoiled() -> None:
    spells = [Spell(Misdeed.BAD_SIGNATURE), Spell(Misdeed.WRONG_CPA)]
    receive = Faults(spells).receiving(Handler(SIGNED).receive)
    assert receive(inbound()).body == SIGNED.replace(b"AbCd", b"BbCd")
    assert receive(inbound()).body == SIGNED.replace(b"cpa-1", OTHER_CPA.encode())


@pytest.mark.parametrize(
    ("misdeed", "posted"),
    [
        (Misdeed.LOSE_ACK, []),
        (Misdeed.DOUBLE_ACK, [SIGNED, SIGNED]),
        (Misdeed.BAD_SIGNATURE, [SIGNED.replace(b"AbCd", b"BbCd")]),
        (Misdeed.WRONG_CPA, [SIGNED.replace(b"cpa-1", OTHER_CPA.encode())]),
    ],
    ids=lambda value: str(value) if isinstance(value, Misdeed) else "",
)
def test_an_acknowledgment_by_itself_is_spoiled_once(misdeed: Misdeed, posted: list[bytes]) -> None:
    handler, faults = Handler(), Faults([Spell(misdeed)])
    assert faults.receiving(handler.receive)(inbound()) is EMPTY
    assert posts(faults, handler, BUSINESS) is EMPTY, "a message of its own is left alone"
    assert posts(faults, handler).status == 204
    assert handler.posted == [BUSINESS, *posted]
    posts(faults, handler)
    assert handler.posted == [BUSINESS, *posted, SIGNED]


def test_a_late_acknowledgment_is_late() -> None:
    late = timedelta(seconds=0.2)
    faults = Faults([Spell(Misdeed.LATE_ACK)], late=late.total_seconds())
    began = time.monotonic()
    assert faults.receiving(Handler(SIGNED).receive)(inbound()).body == SIGNED
    assert time.monotonic() - began >= late.total_seconds()


def test_who_is_never_answered_is_let_go_at_the_end() -> None:
    faults = Faults([Spell(Misdeed.NEVER)])
    ended = threading.Event()

    def wait() -> None:
        with pytest.raises(NoReply):
            faults.receiving(Handler().receive)(inbound())
        ended.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert not ended.wait(0.1)
    faults.close()
    assert ended.wait(10)
    thread.join()
