"""The path of the message handler: what its head must be, who gets in, and what goes back."""

from typing import Any, cast

import pytest
from cryptography import x509
from twisted.internet.testing import MemoryReactorClock

from digipoort_wus import checks, limits
from digipoort_wus.ebms.opening import Inbound
from digipoort_wus.errors import Refusal
from digipoort_wus.messaging.posting import EMPTY, HttpReply
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.server.ebms import EbmsDoor, EbmsResource, WithEbms
from digipoort_wus.server.http import Head, http_refusal
from digipoort_wus.server.resources import WusResource
from digipoort_wus.server.services import Services
from tests.messages import NOW


def resource(**more: Any) -> EbmsResource:
    door: dict[str, Any] = {
        "path": "/ebms",
        "receive": lambda _: EMPTY,
        "admit": lambda _certificate, _at: None,
        **more,
    }
    return EbmsResource(EbmsDoor(**door), cast(Any, MemoryReactorClock()), lambda: NOW)


def head(method: str = "POST", path: str = "/ebms", **headers: str) -> Head:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Head(method, path, "", named)


def refused(found: EbmsResource, what: Head) -> Refusal:
    with pytest.raises(Refusal) as caught:
        found.judge(what)
    return caught.value


def test_a_post_is_judged_by_its_head() -> None:
    found = resource()
    found.judge(head(content_length=str(limits.EBMS_WIRE_MAX_BYTES)))
    found.judge(head(path="/ebms/", content_type="multipart/related; boundary=a"))
    too_large = refused(found, head(content_length=str(limits.EBMS_WIRE_MAX_BYTES + 1)))
    assert too_large.check is checks.HTTP_SIZE
    assert str(limits.EBMS_WIRE_MAX_BYTES) in str(too_large)
    assert refused(found, head(content_encoding="gzip")).check is checks.HTTP_ENCODING
    assert refused(found, head(path="/other")).check is checks.HTTP_PATH
    got = refused(found, head("GET"))
    assert got.check is checks.HTTP_METHOD
    assert http_refusal(got).headers == {"Allow": "POST"}


def test_without_room_nothing_is_taken() -> None:
    def no_room() -> None:
        raise Refusal(checks.HTTP_BUSY)

    assert refused(resource(require_room=no_room), head()).check is checks.HTTP_BUSY
    found = resource()
    found.closed = True
    assert refused(found, head()).check is checks.HTTP_BUSY


def test_both_are_served_at_their_paths() -> None:
    def nothing(*_: object) -> Any:
        raise AssertionError

    reactor = cast(Any, MemoryReactorClock())
    wus = WusResource(Services({}, nothing, nothing), reactor)
    both = WithEbms(wus, resource())
    both.judge(head(content_length=str(limits.WIRE_MAX_BYTES + 1)))
    assert both.body_max(head()) == limits.EBMS_WIRE_MAX_BYTES
    assert both.body_max(head(path="/elsewhere")) == limits.WIRE_MAX_BYTES
    with pytest.raises(Refusal) as caught:
        both.judge(head(path="/elsewhere"))
    assert caught.value.check is checks.HTTP_PATH


def inbound(pki: TestPki | None) -> Inbound:
    peer = None if pki is None else pki.identities["agency"].certificate
    return Inbound("text/xml", b"<a/>", peer, NOW)


@pytest.mark.parametrize("action", ['"ebXML"', "ebXML", ' "ebXML" '])
def test_the_soap_action_may_be_quoted(g1: TestPki, action: str) -> None:
    reply = HttpReply(200, "text/xml", b"<b/>")
    found = resource(receive=lambda _: reply)
    assert found._answer(inbound(g1), action) is reply


@pytest.mark.parametrize("action", [None, "", '""', '"urn:other"', "ebxml"])
def test_another_soap_action_is_refused(g1: TestPki, action: str | None) -> None:
    def receive(_: Inbound) -> HttpReply:
        raise AssertionError("it was refused")

    reply = resource(receive=receive, explain=True)._answer(inbound(g1), action)
    assert reply.status == 500
    assert b"EBMS-SOAP-ACTION" in reply.body
    assert b"Client" in reply.body


def test_who_connected_is_judged_for_each_message(g1: TestPki) -> None:
    seen = []

    def admit(certificate: x509.Certificate, at: object) -> None:
        seen.append((certificate, at))
        raise Refusal(checks.PARTY_ENABLED, received="OIN 00000099000000004000")

    reply = resource(admit=admit)._answer(inbound(g1), '"ebXML"')
    assert seen == [(g1.identities["agency"].certificate, NOW)]
    assert reply.status == 500
    assert b"EBMS-PEER" in reply.body
    assert b"00000099000000004000" not in reply.body


def test_without_a_certificate_nothing_is_taken() -> None:
    assert b"EBMS-PEER" in resource()._answer(inbound(None), '"ebXML"').body
