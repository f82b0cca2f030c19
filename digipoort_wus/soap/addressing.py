"""WS-Addressing 1.0 headers of a request or an answer."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from lxml import etree

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.names import WSA, WSA_ANONYMOUS, WSA_NONE
from digipoort_wus.soap.envelope import Envelope, leaf_text, local_name, namespace

_TEXT_HEADERS = ("To", "Action", "MessageID", "RelatesTo")
_ENDPOINT_HEADERS = ("ReplyTo", "FaultTo", "From")
_VALUE_MAX = 1_024
_SPACE = re.compile(r"\s")
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Addressing:
    """The addressing headers of one message.

    Args:
        to: None in an answer that leaves it out, which then means anonymous.
        relates_to: None in a request.
        reply_to: the wsa:Address of each endpoint header that is present.
        blocks: every wsa header block; all of them must be signed.
    """

    to: str | None
    action: str
    message_id: str
    relates_to: str | None
    reply_to: str | None
    fault_to: str | None
    source: str | None
    blocks: tuple[etree._Element, ...]


def read_addressing(envelope: Envelope) -> Addressing:
    """Read the WS-Addressing headers of a request or an answer.

    Raises:
        Refusal: WSA-UNIQUE, WSA-KNOWN, WSA-REQUIRED or WSA-ANONYMOUS.

    WS-Addressing 1.0 Core §3, SOAP Binding §3; Digikoppeling WUS WA001.
    """
    blocks = tuple(block for block in envelope.blocks if namespace(block) == WSA)
    values: dict[str, str] = {}
    for block in blocks:
        name = local_name(block)
        if name in values:
            raise Refusal(checks.WSA_UNIQUE, received=f"wsa:{name} twice")
        if name in _TEXT_HEADERS:
            values[name] = _text(block)
        elif name in _ENDPOINT_HEADERS:
            values[name] = _endpoint_address(block)
        else:
            raise Refusal(checks.WSA_KNOWN, received=f"wsa:{name}")
    for name in ("Action", "MessageID"):
        if not values.get(name):
            raise Refusal(checks.WSA_REQUIRED, expected=f"wsa:{name}")
    return Addressing(
        to=values.get("To"),
        action=values["Action"],
        message_id=values["MessageID"],
        relates_to=values.get("RelatesTo"),
        reply_to=values.get("ReplyTo"),
        fault_to=values.get("FaultTo"),
        source=values.get("From"),
        blocks=blocks,
    )


def require_anonymous(addressing: Addressing) -> None:
    """Require that answers to a request can only go back over its own connection.

    Raises:
        Refusal: WSA-ANONYMOUS.

    Digipoort WSDL 1.2 (wsam:AnonymousResponses).
    """
    if addressing.reply_to not in (None, WSA_ANONYMOUS):
        raise Refusal(checks.WSA_ANONYMOUS, expected=WSA_ANONYMOUS, received="another wsa:ReplyTo")
    for name, address in (("FaultTo", addressing.fault_to), ("From", addressing.source)):
        if address not in (None, WSA_ANONYMOUS, WSA_NONE):
            raise Refusal(
                checks.WSA_ANONYMOUS,
                expected=f"{WSA_ANONYMOUS} or {WSA_NONE}",
                received=f"another wsa:{name}",
            )


@dataclass(frozen=True, slots=True)
class Destinations:
    """What wsa:To may say for one service.

    Args:
        paths: accepted URL paths.
        origins: accepted ``(scheme, host, port)``; None accepts any, for a sandbox
            that clients reach under whatever name their tests give it.
    """

    paths: tuple[str, ...]
    origins: frozenset[tuple[str, str, int]] | None = None


def origin_of(url: str) -> tuple[str, str, int]:
    """Return scheme, lower-case host and port of an absolute http(s) URL.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(url)
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    if parts.scheme not in _DEFAULT_PORTS or port is None or not parts.hostname:
        raise ValueError("not an absolute http or https URL")
    return parts.scheme, parts.hostname, port


def require_destination(addressing: Addressing, destinations: Destinations) -> None:
    """Require that the signed wsa:To names this service.

    Ignored are a default port, a query, a slash at the end and the case of the
    host, since clients differ there (inferred).

    Raises:
        Refusal: WSA-REQUIRED or WSA-TO.
    """
    if not addressing.to:
        raise Refusal(checks.WSA_REQUIRED, expected="wsa:To")
    try:
        origin = origin_of(addressing.to)
    except ValueError:
        raise Refusal(
            checks.WSA_TO, expected=destinations.paths[0], received=addressing.to
        ) from None
    path = urlsplit(addressing.to).path.rstrip("/")
    if path not in destinations.paths:
        raise Refusal(checks.WSA_TO, expected=" or ".join(destinations.paths), received=path)
    if destinations.origins is not None and origin not in destinations.origins:
        expected = ", ".join(f"{s}://{h}:{p}" for s, h, p in sorted(destinations.origins))
        raise Refusal(checks.WSA_TO, expected=expected, received=f"{origin[1]}:{origin[2]}")


def _text(block: etree._Element) -> str:
    text = leaf_text(block, checks.WSA_REQUIRED)
    if len(text) > _VALUE_MAX or _SPACE.search(text):
        raise Refusal(
            checks.WSA_REQUIRED,
            expected=f"a URI of at most {_VALUE_MAX} characters in wsa:{local_name(block)}",
        )
    return text


def _endpoint_address(block: etree._Element) -> str:
    """Return the wsa:Address; ReferenceParameters and Metadata are not allowed (WA001)."""
    children = list(block)
    if [child.tag for child in children] != [f"{{{WSA}}}Address"]:
        raise Refusal(checks.WSA_ANONYMOUS, expected=f"only wsa:Address in wsa:{local_name(block)}")
    return _text(children[0])
