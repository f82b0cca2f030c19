"""What kind a message is, and that it holds what its kind says and nothing else."""

from dataclasses import replace

import pytest

from digipoort_wus import checks
from digipoort_wus.ebms import names
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.message import Message, MessageHeader, Service
from digipoort_wus.ebms.reading import read_envelope, read_message
from digipoort_wus.ebms.signals import Kind, kind_of, require_form
from tests import ebms_messages as m

SENT = {name: read_message(read_envelope(text.encode())) for name, text in m.SIGNALS_SENT.items()}
BUSINESS = read_message(read_envelope(m.BUSINESS.encode()))
ALL = {"business": BUSINESS, **SENT}
ORDERED = read_message(
    read_envelope(m.envelope(m.MESSAGE_HEADER + m.MESSAGE_ORDER, m.MANIFEST).encode())
)


def kind(header: MessageHeader) -> Kind:
    return kind_of(header)


@pytest.mark.parametrize("name", ALL)
def test_each_is_what_its_action_says(name: str) -> None:
    found = kind(ALL[name].header)
    assert found.value == name
    require_form(ALL[name], found)
    assert found.asks == (name in ("business", "Ping", "StatusRequest"))


def test_an_action_of_signals_is_one_only_under_their_service() -> None:
    header = replace(BUSINESS.header, action="Ping")
    assert kind(header) is Kind.BUSINESS
    for action in ("ping", "", "aanleveren"):
        with pytest.raises(EbmsRefusal) as raised:
            kind(replace(header, service=Service(names.SIGNALS), action=action))
        assert raised.value.check is checks.EBMS_ACTION
        assert raised.value.location == "//Header/MessageHeader/Action"


_PARTS = ("acknowledgment", "errors", "status_request", "status_response", "manifest", "order")
_OF = {
    "acknowledgment": SENT["Acknowledgment"],
    "errors": SENT["MessageError"],
    "status_request": SENT["StatusRequest"],
    "status_response": SENT["StatusResponse"],
    "manifest": BUSINESS,
    "order": ORDERED,
}
_MAY = {"business": {"manifest", "order"}}


@pytest.mark.parametrize("part", _PARTS)
@pytest.mark.parametrize("name", ALL)
def test_nothing_of_another_kind(name: str, part: str) -> None:
    message = ALL[name]
    value = getattr(_OF[part], part)
    assert value
    if getattr(message, part) or part in _MAY.get(name, ()):
        return
    changed: Message = replace(message, **{part: value})
    with pytest.raises(EbmsRefusal) as raised:
        require_form(changed, kind(changed.header))
    assert raised.value.check is checks.EBMS_SIGNAL_FORM


@pytest.mark.parametrize("name", SENT)
def test_no_signal_asks_for_an_acknowledgment(name: str) -> None:
    message = replace(SENT[name], ack_requested=BUSINESS.ack_requested)
    with pytest.raises(EbmsRefusal) as raised:
        require_form(message, kind(message.header))
    assert raised.value.location == "//Header/AckRequested"


def test_an_acknowledgment_with_duplicate_elimination_is_borne() -> None:
    message = SENT["Acknowledgment"]
    header = replace(message.header, duplicate_elimination=True)
    require_form(replace(message, header=header), Kind.ACKNOWLEDGMENT)


@pytest.mark.parametrize("name", ["Acknowledgment", "MessageError", "Pong"])
def test_who_refers_to_nothing(name: str) -> None:
    message = SENT[name]
    header = replace(message.header, ref_to_message_id=None)
    with pytest.raises(EbmsRefusal) as raised:
        require_form(replace(message, header=header), kind(header))
    assert raised.value.check is checks.EBMS_REF_TO


def test_an_acknowledgment_refers_to_one_message() -> None:
    message = SENT["Acknowledgment"]
    header = replace(message.header, ref_to_message_id="another")
    with pytest.raises(EbmsRefusal) as raised:
        require_form(replace(message, header=header), Kind.ACKNOWLEDGMENT)
    assert raised.value.location == "//Header/Acknowledgment/RefToMessageId"
