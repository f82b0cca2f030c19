"""WS-Addressing 1.0 headers of a request or an answer, under the rules of a policy."""

import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import parse_qsl, urlsplit

from lxml import etree

from digipoort_wus import checks
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.names import WSA, WSA_ANONYMOUS, WSA_NONE
from digipoort_wus.pki.oin import parse_oin
from digipoort_wus.soap.envelope import Envelope, is_addressing, leaf_text, local_name

_TEXT_HEADERS = ("To", "Action", "MessageID", "RelatesTo")
_ENDPOINT_HEADERS = ("ReplyTo", "FaultTo", "From")
_ADDRESS = f"{{{WSA}}}Address"
_VALUE_MAX = 1_024
_SPACE = re.compile(r"\s")
# RFC 3987 2.2, as far as it can be told without reading every scheme.
_ABSOLUTE = re.compile(r"""[A-Za-z][A-Za-z0-9+.-]{0,40}:[^\s<>"{}|\\^`]+""")
# The form that Digikoppeling's best practices advise: CUSTOM@UUID@URI.
_ADVISED = re.compile(r"""[^\s<>"{}|\\^`@]+@[^\s<>"{}|\\^`@]+@[^\s<>"{}|\\^`]+""")
_DEFAULT_PORTS = {"https": 443, "http": 80}


class Values(Enum):
    """What the text of To, Action, MessageID and Address may be."""

    TEXT = "any text without white space"
    IRI = "an absolute IRI; MessageID and RelatesTo may also be CUSTOM@UUID@URI"


class Destination(Enum):
    """What wsa:To of a request may name."""

    SERVICE = "the address of the service"
    ADDRESS = "an absolute IRI, or anonymous"


class Source(Enum):
    """What wsa:From may name."""

    ANONYMOUS = "anonymous or none"
    ADDRESS = "an absolute IRI, or anonymous"


class OtherHeaders(Enum):
    """What becomes of wsa headers that a request does not need."""

    REFUSED = "refused"
    ANONYMOUS = "accepted when they say anonymous or none"


class OinParameter(Enum):
    """What the query parameter OIN of wsa:To and wsa:From means."""

    IGNORED = "nothing"
    ROUTES = "who receives and who sends"


@dataclass(frozen=True, slots=True)
class AddressingRules:
    """What the WS-Addressing headers of a message may say."""

    values: Values
    to: Destination
    source: Source
    others: OtherHeaders
    oin: OinParameter


DIGIPOORT = AddressingRules(
    Values.TEXT,
    Destination.SERVICE,
    Source.ANONYMOUS,
    OtherHeaders.REFUSED,
    OinParameter.IGNORED,
)
"""Digipoort WSDL 1.2: the endpoint, and anonymous responses."""
DIGIKOPPELING = AddressingRules(
    Values.IRI,
    Destination.ADDRESS,
    Source.ADDRESS,
    OtherHeaders.ANONYMOUS,
    OinParameter.ROUTES,
)
"""Digikoppeling WUS WA001."""


@dataclass(frozen=True, slots=True)
class Addressing:
    """The addressing headers of one message.

    Args:
        to: None in an answer that leaves it out, which then means anonymous.
        relates_to: None in a request that starts a conversation.
        reply_to: the wsa:Address of each endpoint header that is present.
        blocks: every wsa header block; all of them must be signed.
        to_oin: the routing parameter OIN of wsa:To, where the rules read it.
        source_oin: that of wsa:From.
    """

    to: str | None
    action: str
    message_id: str
    relates_to: str | None
    reply_to: str | None
    fault_to: str | None
    source: str | None
    blocks: tuple[etree._Element, ...]
    to_oin: str | None = None
    source_oin: str | None = None


def read_addressing(envelope: Envelope, rules: AddressingRules = DIGIPOORT) -> Addressing:
    """Read the WS-Addressing headers of a request or an answer.

    Raises:
        Refusal: WSA-UNIQUE, WSA-KNOWN, WSA-REQUIRED, WSA-IRI, WSA-ENDPOINT, WSA-ANONYMOUS
            or WSA-OIN.

    WS-Addressing 1.0 Core §3, SOAP Binding §3; Digikoppeling WUS WA001.
    """
    blocks = tuple(block for block in envelope.blocks if is_addressing(block))
    values: dict[str, str] = {}
    for block in blocks:
        name = local_name(block)
        if name in values:
            raise Refusal(checks.WSA_UNIQUE, received=f"wsa:{name} twice", about=name)
        if name in _TEXT_HEADERS:
            values[name] = _text(block, rules, name)
        elif name in _ENDPOINT_HEADERS:
            values[name] = _endpoint_address(block, rules)
        else:
            values[name] = _other(block, rules, envelope)
    for name in ("Action", "MessageID"):
        if not values.get(name):
            raise Refusal(checks.WSA_REQUIRED, expected=f"wsa:{name}", about=name)
    routes = rules.oin is OinParameter.ROUTES
    return Addressing(
        to=values.get("To"),
        action=values["Action"],
        message_id=values["MessageID"],
        relates_to=values.get("RelatesTo"),
        reply_to=values.get("ReplyTo"),
        fault_to=values.get("FaultTo"),
        source=values.get("From"),
        blocks=blocks,
        to_oin=_routing_oin(values.get("To"), "To") if routes else None,
        source_oin=_routing_oin(values.get("From"), "From") if routes else None,
    )


def readable_message_id(envelope: Envelope) -> str | None:
    """Return the wsa:MessageID of a message that was refused for something else.

    None when there is not exactly one that a fault may repeat.
    """
    blocks = [block for block in envelope.blocks if block.tag == f"{{{WSA}}}MessageID"]
    if len(blocks) != 1 or len(blocks[0]):
        return None
    text = (blocks[0].text or "").strip(" \t\r\n")
    return text if text and len(text) <= _VALUE_MAX and not _SPACE.search(text) else None


def require_anonymous(addressing: Addressing, rules: AddressingRules = DIGIPOORT) -> None:
    """Require that answers to a request can only go back over its own connection.

    Raises:
        Refusal: WSA-ANONYMOUS.

    Digipoort WSDL 1.2 (wsam:AnonymousResponses); Digikoppeling WUS WA001.
    """
    if addressing.reply_to not in (None, WSA_ANONYMOUS):
        raise Refusal(
            checks.WSA_ANONYMOUS,
            expected=WSA_ANONYMOUS,
            received="another wsa:ReplyTo",
            about="ReplyTo",
        )
    sources = (addressing.source,) if rules.source is Source.ANONYMOUS else ()
    for name, address in (("FaultTo", addressing.fault_to), *(("From", one) for one in sources)):
        if address not in (None, WSA_ANONYMOUS, WSA_NONE):
            raise Refusal(
                checks.WSA_ANONYMOUS,
                expected=f"{WSA_ANONYMOUS} or {WSA_NONE}",
                received=f"another wsa:{name}",
                about=name,
            )


@dataclass(frozen=True, slots=True)
class Destinations:
    """What wsa:To may say for one service.

    Args:
        paths: accepted URL paths.
        origins: accepted ``(scheme, host, port)``; None accepts any, for a sandbox
            that clients reach under whatever name their tests give it.
        oins: whose messages are received here, by the routing parameter OIN.
    """

    paths: tuple[str, ...]
    origins: frozenset[tuple[str, str, int]] | None = None
    oins: frozenset[str] = frozenset()


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


def require_destination(
    addressing: Addressing, destinations: Destinations, rules: AddressingRules = DIGIPOORT
) -> None:
    """Require that wsa:To names this service, as strictly as the rules say.

    Digipoort: ignored are a default port, a query, a slash at the end and the case of
    the host, since clients differ there (inferred). Digikoppeling: an intermediary may
    stand in front, so any address will do; but one of another host is refused where
    this one's are known, and so is the OIN of a party that is not served here.

    Raises:
        Refusal: WSA-REQUIRED or WSA-TO.
    """
    if not addressing.to:
        raise Refusal(checks.WSA_REQUIRED, expected="wsa:To", about="To")
    if rules.to is Destination.ADDRESS:
        _require_reachable(addressing.to, addressing.to_oin, destinations)
        return
    try:
        origin = origin_of(addressing.to)
    except ValueError:
        raise Refusal(
            checks.WSA_TO, expected=destinations.paths[0], received=addressing.to, about="To"
        ) from None
    path = urlsplit(addressing.to).path.rstrip("/")
    if path not in destinations.paths:
        expected = " or ".join(destinations.paths)
        raise Refusal(checks.WSA_TO, expected=expected, received=path, about="To")
    _require_origin(origin, destinations)


def require_source(
    addressing: Addressing, sender: str, mandates: frozenset[tuple[str, str]]
) -> None:
    """Require that the OIN in wsa:From is the sender's, or of whom he may carry messages for.

    It grants nothing: rights and limits are those of the sender.

    Args:
        sender: OIN that was authenticated.
        mandates: pairs (authenticated OIN, OIN whose messages it may carry); none when the
            sender signed, since he then speaks for himself.

    Raises:
        Refusal: WSA-SENDER.

    Digikoppeling WUS §WS-Addressing; Handreiking Adressering en Routering.
    """
    said = addressing.source_oin
    if said not in (None, sender) and (sender, said) not in mandates:
        raise Refusal(
            checks.WSA_SENDER, expected=f"OIN {sender}", received=f"OIN {said}", about="From"
        )


def _require_reachable(to: str, oin: str | None, destinations: Destinations) -> None:
    if oin is not None and oin not in destinations.oins:
        raise Refusal(
            checks.WSA_TO,
            expected=f"OIN {' or '.join(sorted(destinations.oins))}",
            received=f"OIN {oin}",
            about="To",
        )
    if to != WSA_ANONYMOUS and to.partition(":")[0].lower() in _DEFAULT_PORTS:
        _require_origin(origin_of(to), destinations)


def _require_origin(origin: tuple[str, str, int], destinations: Destinations) -> None:
    if destinations.origins is not None and origin not in destinations.origins:
        expected = ", ".join(f"{s}://{h}:{p}" for s, h, p in sorted(destinations.origins))
        raise Refusal(
            checks.WSA_TO, expected=expected, received=f"{origin[1]}:{origin[2]}", about="To"
        )


def _text(block: etree._Element, rules: AddressingRules, name: str) -> str:
    check = checks.WSA_REQUIRED if rules.values is Values.TEXT else checks.WSA_IRI
    text = _leaf(block, check, name)
    if len(text) > _VALUE_MAX or _SPACE.search(text):
        raise Refusal(
            check,
            expected=f"a URI of at most {_VALUE_MAX} characters in wsa:{name}",
            about=name,
        )
    # An empty one is a missing one, which is told by who needs it.
    if text and rules.values is Values.IRI and not _is_iri(text, name):
        raise Refusal(check, expected=f"an absolute IRI in wsa:{name}", about=name)
    return text


def _leaf(block: etree._Element, check: Check, name: str) -> str:
    try:
        return leaf_text(block, check)
    except Refusal as refusal:
        refusal.about = name
        raise


def _is_iri(text: str, name: str) -> bool:
    if name in ("MessageID", "RelatesTo") and _ADVISED.fullmatch(text):
        return True
    if not _ABSOLUTE.fullmatch(text):
        return False
    try:
        if text.partition(":")[0].lower() in _DEFAULT_PORTS:
            origin_of(text)
    except ValueError:
        return False
    return True


def _endpoint_address(block: etree._Element, rules: AddressingRules) -> str:
    """Return the wsa:Address; ReferenceParameters and Metadata are not allowed (WA001)."""
    children, name = list(block), local_name(block)
    if [child.tag for child in children] != [_ADDRESS]:
        raise Refusal(
            checks.WSA_ENDPOINT,
            expected="wsa:Address, and nothing else",
            received=", ".join(local_name(child) for child in children[:4]) or "nothing",
            about=name,
        )
    address = _text(children[0], rules, name)
    if not address:
        raise Refusal(checks.WSA_ENDPOINT, expected="an address", received="nothing", about=name)
    return address


def _other(block: etree._Element, rules: AddressingRules, envelope: Envelope) -> str:
    """Judge a header that no request needs; some stacks cannot leave theirs out."""
    name = local_name(block)
    if rules.others is OtherHeaders.REFUSED:
        raise Refusal(checks.WSA_KNOWN, received=f"wsa:{name}", about=name)
    if name == "FaultDetail" and envelope.is_fault:
        return ""
    value = _endpoint_address(block, rules) if len(block) else _text(block, rules, name)
    if value not in (WSA_ANONYMOUS, WSA_NONE):
        raise Refusal(
            checks.WSA_ANONYMOUS,
            expected=f"{WSA_ANONYMOUS} or {WSA_NONE}",
            received=f"another wsa:{name}",
            about=name,
        )
    return value


def _routing_oin(address: str | None, name: str) -> str | None:
    """Return the query parameter OIN of an address; None when there is none."""
    # Cut by RFC 3986 3.4, not by urlsplit: that refuses what only looks like an IPv6 host.
    query = (address or "").partition("#")[0].partition("?")[2]
    fields = parse_qsl(query, keep_blank_values=True)
    found = [value for field, value in fields if field == "OIN"]
    if not found:
        return None
    if len(found) > 1:
        raise Refusal(
            checks.WSA_OIN, expected="one OIN", received=f"{len(found)} in wsa:{name}", about=name
        )
    try:
        return parse_oin(found[0])
    except ValueError:
        raise Refusal(
            checks.WSA_OIN,
            expected="an OIN of 20 characters",
            received=f"{len(found[0])} characters in wsa:{name}",
            about=name,
        ) from None
