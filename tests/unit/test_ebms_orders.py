"""What an operator's commands ask of the message handler, on a real store."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from digipoort_wus import ebms_orders
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms_orders import EbmsOrders
from digipoort_wus.errors import ConfigurationError, DigipoortError
from digipoort_wus.messaging.house import House
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.store.ebms_values import Direction
from tests.unit.messaging.parties import Two, two_gateways


@pytest.fixture
def two(g1: TestPki, tmp_path: Path) -> Iterator[Two]:
    with two_gateways(g1, tmp_path, Profile("osb-rm")) as both:
        yield both


def orders_of(two: Two) -> EbmsOrders:
    return EbmsOrders(two.agency.service, two.agency.service.house.book)


def letter(two: Two, **more: object) -> str:
    service = two.agency.letter(two.pair).service
    told = {
        "cpa_id": two.pair.agreement.cpa_id,
        "service": service.value,
        "service_type": service.type,
        "action": "aanleveren",
        "payloads": [
            {"media_type": "application/xml", "octets": base64.b64encode(b"<a/>").decode()}
        ],
        **more,
    }
    return json.dumps(told)


def test_a_message_is_sent_and_arrives(two: Two, tmp_path: Path) -> None:
    orders = orders_of(two)
    file = tmp_path / "large.xml"
    file.write_bytes(b"<b/>" * 100_000)
    message_id = json.loads(orders.send(letter(two, message_id="one@example.nl")))
    assert message_id == "one@example.nl"
    assert json.loads(orders.send(letter(two, message_id="one@example.nl"))) == message_id
    by_path = [{"media_type": "application/xml", "path": str(file), "name": "b.xml"}]
    orders.send(letter(two, payloads=by_path))
    two.wire.run()
    came = two.digipoort.rows(Direction.IN)
    assert came[0].head.key.message_id == message_id
    assert len(came) == 2
    parts = two.digipoort.backend.get(came[1].ebms_id).content.parts
    assert [(part.name, part.media_type) for part in parts] == [("b.xml", "application/xml")]


def test_a_message_is_sent_again_under_another_id(two: Two) -> None:
    orders = orders_of(two)
    first = json.loads(orders.send(letter(two)))
    (row,) = two.agency.rows(Direction.OUT)
    second = json.loads(orders.resend(json.dumps({"ebms_id": str(row.ebms_id)})))
    two.wire.run()
    assert first != second
    assert {one.head.key.message_id for one in two.digipoort.rows()} == {first, second}


def test_a_ping_and_a_status_are_answered(two: Two) -> None:
    orders = orders_of(two)
    asked = json.dumps({"cpa_id": two.pair.agreement.cpa_id})
    assert json.loads(orders.ping(asked)) == "pong"
    orders.send(letter(two))
    two.wire.run()
    (row,) = two.agency.rows(Direction.OUT)
    told = json.loads(orders.status(json.dumps({"ebms_id": str(row.ebms_id)})))
    assert told["status"] == "Received"
    assert told["at"]


def test_a_question_that_was_waited_for_long_enough_is_forgotten(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ebms_orders, "_ANSWER_SECONDS", 0.01)
    monkeypatch.setattr(House, "once", lambda *_: None)
    orders, waiting = orders_of(two), two.agency.service.house.waiting
    orders.send(letter(two))
    (row,) = two.agency.rows(Direction.OUT)
    with pytest.raises(DigipoortError, match=r"no Pong within 0\.01 seconds"):
        orders.ping(json.dumps({"cpa_id": two.pair.agreement.cpa_id}))
    assert waiting._futures == {}
    with pytest.raises(DigipoortError, match=r"no answer within 0\.01 seconds"):
        orders.status(json.dumps({"ebms_id": str(row.ebms_id)}))
    assert waiting._futures == {}


def test_agreements_come_and_go(two: Two) -> None:
    orders = orders_of(two)
    book = two.agency.service.house.book
    told = {
        "cpa": base64.b64encode(two.pair.octets).decode(),
        "urls": {"https://digipoort.invalid/ebms": "https://other.invalid/ebms"},
        "quirks": {"signal_roles": "echoed"},
    }
    assert isinstance(json.loads(orders.add(json.dumps(told))), list)
    (row,) = book.rows()
    assert dict(row.urls) == told["urls"]
    assert dict(row.quirks) == told["quirks"]
    cpa_id = two.pair.agreement.cpa_id
    assert json.loads(orders.remove(json.dumps({"cpa_id": cpa_id}))) == cpa_id
    assert book.rows() == []
    with pytest.raises(ConfigurationError, match="no CPA"):
        orders.remove(json.dumps({"cpa_id": cpa_id}))
    with pytest.raises(ConfigurationError, match="no CPA"):
        orders.send(letter(two))


def test_mistakes_are_sentences(two: Two) -> None:
    orders = orders_of(two)
    with pytest.raises(ConfigurationError, match="does not let"):
        orders.send(letter(two, action="nonsense"))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        orders.send(letter(two, payloads=[{"media_type": "a/b", "path": "/nowhere/x"}]))
    for ask in (orders.resend, orders.status):
        with pytest.raises(ConfigurationError, match="no message 99"):
            ask(json.dumps({"ebms_id": "99"}))
    with pytest.raises(ConfigurationError):
        orders.add(json.dumps({"cpa": base64.b64encode(b"<a/>").decode()}))
    assert two.agency.rows() == []


@pytest.mark.parametrize(
    "text", ["nonsense", "[]", '{"cpa_id": 1}', '{"payloads": 1}', '{"payloads": [1]}']
)
def test_what_another_version_says_is_told_so(two: Two, text: str) -> None:
    orders = orders_of(two)
    with pytest.raises(DigipoortError):
        orders.send(text)
    assert two.agency.rows() == []
