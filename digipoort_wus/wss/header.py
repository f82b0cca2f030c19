"""The wsse:Security header, read by position into values.

Everything is counted and placed: one Timestamp, one BinarySecurityToken, one
Signature; inside it one SignedInfo, one SignatureValue, one KeyInfo that points
directly at the token. No algorithm runs here.
"""

import binascii
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import pybase64
from cryptography import x509
from lxml import etree

from digipoort_wus import checks, limits
from digipoort_wus.clock import parse_date_time
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.names import BASE64_BINARY, DS, EXC_C14N, WSSE, WSU, X509_V3
from digipoort_wus.soap.envelope import SECURITY, Envelope, leaf_text, local_name

WSU_ID = f"{{{WSU}}}Id"
_TIMESTAMP = f"{{{WSU}}}Timestamp"
_CREATED, _EXPIRES = f"{{{WSU}}}Created", f"{{{WSU}}}Expires"
_TOKEN = f"{{{WSSE}}}BinarySecurityToken"
_SIGNATURE = f"{{{DS}}}Signature"
_INCLUSIVE = f"{{{EXC_C14N}}}InclusiveNamespaces"


@dataclass(frozen=True, slots=True)
class Reference:
    """One ds:Reference: which Id, how it is canonicalised, and the claimed digest."""

    target_id: str
    prefixes: tuple[str, ...]
    digest_algorithm: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Timestamp:
    """The wsu:Timestamp and its moments in UTC."""

    element: etree._Element
    created: datetime
    expires: datetime | None


@dataclass(frozen=True, slots=True)
class SecurityHeader:
    """The parts of one wsse:Security; algorithms are named here, not yet judged."""

    element: etree._Element
    timestamp: Timestamp
    token: etree._Element
    certificate: x509.Certificate
    signature: etree._Element
    signed_info: etree._Element
    signed_info_prefixes: tuple[str, ...]
    signature_algorithm: str
    signature_value: bytes
    references: tuple[Reference, ...]


def read_security(envelope: Envelope) -> SecurityHeader:
    """Read the one wsse:Security header of a message.

    Raises:
        Refusal: one of the WSS checks of form, WSS-TRANSFORM, WSS-ALGORITHM
            (canonicalisation) or WSS-REF-LIMIT.

    WS-Security 1.1; WS-I BSP 1.1; Digikoppeling WUS WB001 to WB010.
    """
    headers = [block for block in envelope.blocks if block.tag == SECURITY]
    if len(headers) != 1:
        raise Refusal(checks.WSS_PRESENT, expected="1", received=str(len(headers)))
    parts: dict[str, etree._Element] = {}
    for child in headers[0]:
        if child.tag not in (_TIMESTAMP, _TOKEN, _SIGNATURE) or child.tag in parts:
            raise Refusal(checks.WSS_CHILDREN, received=f"{local_name(child)} too many")
        parts[str(child.tag)] = child
    for tag in (_TIMESTAMP, _TOKEN, _SIGNATURE):
        if tag not in parts:
            raise Refusal(checks.WSS_CHILDREN, expected=etree.QName(tag).localname)
    token, signature = parts[_TOKEN], parts[_SIGNATURE]
    timestamp = _read_timestamp(parts[_TIMESTAMP])
    signed_info, value, key_info = _exactly(
        signature, checks.WSS_SIGNATURE_FORM, "SignedInfo", "SignatureValue", "KeyInfo"
    )
    _require_direct_reference(key_info, token)
    method, algorithm, *references = _signed_info_children(signed_info)
    return SecurityHeader(
        element=headers[0],
        timestamp=timestamp,
        token=token,
        certificate=_read_token(token),
        signature=signature,
        signed_info=signed_info,
        signed_info_prefixes=_exclusive_prefixes(method, checks.WSS_ALGORITHM),
        signature_algorithm=_algorithm(algorithm),
        signature_value=_decode(value, checks.WSS_SIGNATURE_FORM),
        references=tuple(_read_reference(reference) for reference in references),
    )


def require_unique_ids(root: etree._Element) -> None:
    """Refuse a message in which any two Ids are equal, whatever the attribute's spelling.

    wsu:Id, Id, ID, id and xml:id count together: two tools that look an Id up in
    two ways must not find two elements.

    Raises:
        Refusal: WSS-ID-UNIQUE.
    """
    seen: set[str] = set()
    for element in root.iter(etree.Element):
        for name, value in element.items():
            if name[-2:].lower() != "id" or name.rpartition("}")[2].lower() != "id":
                continue
            if value in seen or len(value) > limits.ID_MAX:
                raise Refusal(checks.WSS_ID_UNIQUE, received=f"Id on {local_name(element)}")
            seen.add(value)


def _read_timestamp(element: etree._Element) -> Timestamp:
    tags = [child.tag for child in element]
    if tags not in ([_CREATED], [_CREATED, _EXPIRES]):
        raise Refusal(
            checks.WSS_TIMESTAMP_FORM,
            expected="Created, Expires?",
            received=", ".join(local_name(child) for child in list(element)[:4]),
        )
    moments = [_moment(child) for child in element]
    expires = moments[1] if len(moments) == 2 else None
    if expires is not None and expires <= moments[0]:
        raise Refusal(checks.WSS_TIMESTAMP_FORM, expected="Expires later than Created")
    return Timestamp(element, moments[0], expires)


def _moment(element: etree._Element) -> datetime:
    text = leaf_text(element, checks.WSS_TIMESTAMP_FORM)
    try:
        if not text.endswith("Z"):
            raise ValueError("not in UTC")
        return parse_date_time(text)
    except ValueError:
        raise Refusal(
            checks.WSS_TIMESTAMP_FORM, expected="xs:dateTime in UTC, ending in Z", received=text
        ) from None


def _read_token(token: etree._Element) -> x509.Certificate:
    for name, expected in (("ValueType", X509_V3), ("EncodingType", BASE64_BINARY)):
        value = token.get(name)
        # EncodingType may be left out: base64 is its default (WSS 1.1 §6.3).
        if value != expected and not (name == "EncodingType" and value is None):
            raise Refusal(
                checks.WSS_TOKEN, expected=f"{name} {expected}", received=value or "nothing"
            )
    if len(token.text or "") > limits.TOKEN_MAX_BYTES:
        raise Refusal(checks.WSS_TOKEN, expected=f"at most {limits.TOKEN_MAX_BYTES} characters")
    try:
        return _certificate(_decode(token, checks.WSS_TOKEN))
    except (ValueError, x509.InvalidVersion):
        raise Refusal(checks.WSS_TOKEN, received="not a DER certificate") from None


@lru_cache(maxsize=256)
def _certificate(der: bytes) -> x509.Certificate:
    """Parse a certificate; the same octets are the same certificate, and senders repeat theirs."""
    return x509.load_der_x509_certificate(der)


def _require_direct_reference(key_info: etree._Element, token: etree._Element) -> None:
    """Require KeyInfo/SecurityTokenReference/Reference[@URI='#token'] and nothing else."""
    reference = key_info
    for tag in (f"{{{WSSE}}}SecurityTokenReference", f"{{{WSSE}}}Reference"):
        children = list(reference)
        if [child.tag for child in children] != [tag]:
            raise Refusal(
                checks.WSS_KEY_INFO,
                expected=etree.QName(tag).localname,
                received=", ".join(local_name(child) for child in children[:4]) or "nothing",
            )
        reference = children[0]
    token_id = token.get(WSU_ID)
    if not token_id or reference.get("URI") != f"#{token_id}" or len(reference):
        raise Refusal(
            checks.WSS_KEY_INFO,
            expected="a URI that is # and the token's wsu:Id",
            received=reference.get("URI") or "no URI",
        )
    # WSS4J and others leave ValueType out; when it stands there it must be right.
    if reference.get("ValueType") not in (None, X509_V3):
        raise Refusal(
            checks.WSS_KEY_INFO, expected=X509_V3, received=str(reference.get("ValueType"))
        )


def _signed_info_children(signed_info: etree._Element) -> list[etree._Element]:
    children = list(signed_info)
    names = [child.tag for child in children]
    head = [f"{{{DS}}}CanonicalizationMethod", f"{{{DS}}}SignatureMethod"]
    if names[:2] != head or len(names) < 3 or set(names[2:]) != {f"{{{DS}}}Reference"}:
        raise Refusal(
            checks.WSS_SIGNATURE_FORM,
            expected="CanonicalizationMethod, SignatureMethod, Reference+ in SignedInfo",
            received=", ".join(local_name(child) for child in children[:4]),
        )
    if len(names) - 2 > limits.MAX_REFERENCES:
        raise Refusal(
            checks.WSS_REF_LIMIT,
            expected=f"at most {limits.MAX_REFERENCES} References",
            received=str(len(names) - 2),
        )
    return children


def _read_reference(reference: etree._Element) -> Reference:
    transforms, method, value = _exactly(
        reference, checks.WSS_SIGNATURE_FORM, "Transforms", "DigestMethod", "DigestValue"
    )
    steps = list(transforms)
    if len(steps) != 1 or steps[0].tag != f"{{{DS}}}Transform":
        raise Refusal(
            checks.WSS_TRANSFORM,
            expected=EXC_C14N,
            received=", ".join(step.get("Algorithm", "?") for step in steps[:4]) or "none",
        )
    uri = reference.get("URI") or ""
    if not uri.startswith("#") or len(uri) < 2:
        raise Refusal(checks.WSS_REF_TARGET, expected="#Id", received=uri or "no URI")
    return Reference(
        target_id=uri[1:],
        prefixes=_exclusive_prefixes(steps[0], checks.WSS_TRANSFORM),
        digest_algorithm=_algorithm(method),
        digest=_decode(value, checks.WSS_SIGNATURE_FORM),
    )


def _exclusive_prefixes(element: etree._Element, check: Check) -> tuple[str, ...]:
    """Return the PrefixList of an element that must name exclusive canonicalisation."""
    algorithm = element.get("Algorithm")
    if algorithm != EXC_C14N:
        raise Refusal(check, expected=EXC_C14N, received=algorithm or "nothing")
    children = list(element)
    if not children:
        return ()
    if [child.tag for child in children] != [_INCLUSIVE] or len(children[0]):
        raise Refusal(check, expected="at most one InclusiveNamespaces")
    return tuple((children[0].get("PrefixList") or "").split())


def _algorithm(element: etree._Element) -> str:
    """Return the Algorithm; parameters such as HMACOutputLength are refused (BSP R5401)."""
    if len(element):
        raise Refusal(
            checks.WSS_ALGORITHM, expected=f"an empty {local_name(element)}", received="parameters"
        )
    return element.get("Algorithm") or ""


def _exactly(parent: etree._Element, check: Check, *names: str) -> tuple[etree._Element, ...]:
    children = tuple(parent)
    if [child.tag for child in children] != [f"{{{DS}}}{name}" for name in names]:
        raise Refusal(
            check,
            expected=f"{', '.join(names)} in {local_name(parent)}",
            received=", ".join(local_name(child) for child in children[:5]) or "nothing",
        )
    return children


def _decode(element: etree._Element, check: Check) -> bytes:
    """Decode base64 text strictly, except for white space, which stacks put there."""
    text = leaf_text(element, check)
    try:
        compact = "".join(text.split()).encode("ascii")
        octets = pybase64.b64decode(compact, validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise Refusal(check, expected=f"base64 in {local_name(element)}") from None
    # Stray bits behind the last octet would make one value writable in several ways.
    if not octets or pybase64.b64encode(octets) != compact:
        raise Refusal(check, expected=f"canonical base64 in {local_name(element)}")
    return octets
