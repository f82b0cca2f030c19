"""Unsigned answers, written as text."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from lxml import etree

from digipoort_wus.names import SOAP, WSA
from digipoort_wus.xmlsafe.splice import LargeTexts


def unsigned_answer(
    headers: Sequence[tuple[str, str]],
    body_child: etree._Element,
    *,
    texts: LargeTexts | None = None,
) -> bytes:
    """Return a whole SOAP 1.1 message without wsse:Security as UTF-8 octets.

    Args:
        headers: local names and values of the wsa headers, in order.
        body_child: the element for the Body; a tree of its own.
        texts: of ``body_child``, where they may be large; they are out of it afterwards.

    Digikoppeling WUS §Ondersteunde varianten (2W-be).
    """
    blocks = "".join(f"<wsa:{name}>{escape(value)}</wsa:{name}>" for name, value in headers)
    return b"".join(
        (
            f'<soapenv:Envelope xmlns:soapenv="{SOAP}" xmlns:wsa="{WSA}">'
            f"<soapenv:Header>{blocks}</soapenv:Header><soapenv:Body>".encode(),
            *(texts or LargeTexts(None)).octets(body_child),
            b"</soapenv:Body></soapenv:Envelope>",
        )
    )
