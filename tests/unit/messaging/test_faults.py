"""What is told of an answer that takes nothing."""

import pytest

from digipoort_wus import checks
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.messaging.faults import client_fault, server_fault, told
from digipoort_wus.messaging.posting import HttpReply

REFUSED = EbmsRefusal(checks.EBMS_CPA, at="//Header/MessageHeader/CPAId", expected="another")
FAULT = client_fault(REFUSED, explain=True)


def changed(old: bytes, new: bytes) -> HttpReply:
    assert old in FAULT.body
    return HttpReply(500, FAULT.content_type, FAULT.body.replace(old, new))


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (FAULT, "HTTP 500, ValueNotRecognized"),
        (server_fault(status=503), "HTTP 503, Unknown"),
        (HttpReply(502, "text/html", b"<html/>"), "HTTP 502"),
        (HttpReply(500, "text/xml", b"<html/>"), "HTTP 500"),
        (HttpReply(500, "text/xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), "HTTP 500"),
        (HttpReply(500, "text/html", FAULT.body), "HTTP 500"),
        (HttpReply(500, FAULT.content_type, FAULT.body[:-9]), "HTTP 500"),
        (HttpReply(405, "", b""), "HTTP 405"),
        (changed(b"ValueNotRecognized", b"rm -rf"), "HTTP 500"),
        (
            changed(b"</detail>", b"<eb:Error eb:errorCode='Unknown'/></detail>"),
            "HTTP 500, ValueNotRecognized, Unknown",
        ),
    ],
)
def test_codes_are_told_and_no_text_of_the_other_party(reply: HttpReply, text: str) -> None:
    assert told(reply) == text
