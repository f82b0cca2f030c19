"""Requests to the Echo service: built as text, changed at will, signed where the profile says."""

from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from lxml import etree

from digipoort_wus.names import ECHO, ECHO_BE, SOAP, WSA, WSA_ANONYMOUS
from digipoort_wus.pki.identity import Identity
from digipoort_wus.wss.policy import SUITE_SHA256, Suite
from digipoort_wus.wss.sign import sign_request
from tests.messages import NOW

ACTION = ECHO_BE.request_action(ECHO_BE.operations[0])
BODY = (
    f'<e:echoRequest xmlns:e="{ECHO}"><e:text>Goedemorgen, één &amp; al</e:text>'
    "<e:data>AAECAw==</e:data></e:echoRequest>"
)
TO = "https://localhost:8443/digikoppeling/2W-be/echo"
XML = {"content-type": "text/xml; charset=utf-8"}


def headers(
    *,
    to: str = f"<a:To>{TO}</a:To>",
    action: str = f"<a:Action>{ACTION}</a:Action>",
    message_id: str | None = None,
    reply_to: str = f"<a:ReplyTo><a:Address>{WSA_ANONYMOUS}</a:Address></a:ReplyTo>",
    more: str = "",
) -> str:
    """Return the header blocks of a request; an empty one is left out."""
    if message_id is None:
        message_id = f"<a:MessageID>urn:uuid:{uuid4()}</a:MessageID>"
    return f"{to}{action}{message_id}{reply_to}{more}"


def message(blocks: str | None = None, body: str = BODY, *, soap: str = SOAP) -> etree._Element:
    """Return a whole unsigned request."""
    blocks = headers() if blocks is None else blocks
    return etree.fromstring(
        f'<s:Envelope xmlns:s="{soap}" xmlns:a="{WSA}"><s:Header>{blocks}</s:Header>'
        f"<s:Body>{body}</s:Body></s:Envelope>",
        etree.XMLParser(huge_tree=True),
    )


def octets(root: etree._Element) -> bytes:
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def signed_echo(
    identity: Identity,
    root: etree._Element | None = None,
    *,
    suite: Suite = SUITE_SHA256,
    created: datetime = NOW,
    change: Callable[[etree._Element], None] | None = None,
) -> tuple[bytes, bytes]:
    """Sign a request; return its octets and its SignatureValue."""
    root = message() if root is None else root
    value = sign_request(root, identity=identity, suite=suite, created=created)
    if change is not None:
        change(root)
    return octets(root), value
