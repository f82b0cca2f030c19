"""The wsse:Security header, read by position into values.

Everything is counted and placed: one Timestamp, one BinarySecurityToken, one
Signature; inside it one SignedInfo, one SignatureValue, one KeyInfo that points
directly at the token. No algorithm runs here.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import cast

from cryptography import x509
from lxml import etree

from digipoort_wus import checks, limits
from digipoort_wus.clock import parse_date_time
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.names import BASE64_BINARY, DS, EXC_C14N, SOAP, WSSE, WSSE11, WSU, X509_V3
from digipoort_wus.soap.envelope import (
    SECURITY,
    Envelope,
    children_only,
    leaf_text,
    local_name,
    must_understand,
)
from digipoort_wus.wss.form import decode, decoded, exactly

WSU_ID = f"{{{WSU}}}Id"
_ACTOR, _NEXT = f"{{{SOAP}}}actor", "http://schemas.xmlsoap.org/soap/actor/next"
_TIMESTAMP = f"{{{WSU}}}Timestamp"
_CREATED, _EXPIRES = f"{{{WSU}}}Created", f"{{{WSU}}}Expires"
_TOKEN = f"{{{WSSE}}}BinarySecurityToken"
_SIGNATURE = f"{{{DS}}}Signature"
_CONFIRMATION = f"{{{WSSE11}}}SignatureConfirmation"
_INCLUSIVE = f"{{{EXC_C14N}}}InclusiveNamespaces"
_ID = frozenset({"Id", "ID", "iD", "id"})
_NO_PREFIX = ("", "}")
"""What stands before a local name, where something does."""
_SIGNED_INFO_HEAD = [f"{{{DS}}}CanonicalizationMethod", f"{{{DS}}}SignatureMethod"]
_REFERENCE = f"{{{DS}}}Reference"
_DIRECT = (f"{{{WSSE}}}SecurityTokenReference", f"{{{WSSE}}}Reference")
_SIGNATURE_PARTS = tuple(f"{{{DS}}}{name}" for name in ("SignedInfo", "SignatureValue", "KeyInfo"))
_REFERENCE_PARTS = tuple(
    f"{{{DS}}}{name}" for name in ("Transforms", "DigestMethod", "DigestValue")
)
_TRANSFORM = f"{{{DS}}}Transform"
_TEXT_LENGTH = etree.XPath("string-length()")
_VALUES = etree.XPath(".//@*", smart_strings=False)
_NAME = 64
"""What the name of an attribute counts for: most are shorter, and none is much longer."""
_MANIFEST = f"{DS}Manifest"
_OTHER_TOKENS = ("Token", "Assertion", "EncryptedKey")


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
class Confirmed:
    """One wsse11:SignatureConfirmation: the SignatureValue that it repeats, None for none."""

    element: etree._Element
    value: bytes | None


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
    confirmations: tuple[Confirmed, ...] = ()


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
    # A header block for somebody else is none for us (SOAP 1.1 §4.2.2).
    if headers[0].get(_ACTOR) not in (None, "", _NEXT):
        raise Refusal(checks.WSS_PRESENT, expected="no actor", received="another actor")
    parts: dict[str, etree._Element] = {}
    confirmations: list[Confirmed] = []
    for child in children_only(headers[0], checks.WSS_CHILDREN):
        if child.tag == _CONFIRMATION and len(confirmations) < limits.MAX_REFERENCES:
            confirmations.append(_read_confirmation(child))
        elif child.tag not in (_TIMESTAMP, _TOKEN, _SIGNATURE) or child.tag in parts:
            raise Refusal(
                checks.WSS_CHILDREN,
                received=f"{local_name(child)} too many",
                about="token" if local_name(child).endswith(_OTHER_TOKENS) else "",
            )
        else:
            parts[str(child.tag)] = child
    for tag in (_TIMESTAMP, _TOKEN, _SIGNATURE):
        if tag not in parts:
            raise Refusal(checks.WSS_CHILDREN, expected=etree.QName(tag).localname)
    token, signature = parts[_TOKEN], parts[_SIGNATURE]
    timestamp = _read_timestamp(parts[_TIMESTAMP])
    signed_info, value, key_info = exactly(signature, checks.WSS_SIGNATURE_FORM, _SIGNATURE_PARTS)
    _require_direct_reference(key_info, token)
    method, algorithm, *references = _signed_info_children(signed_info)
    _require_small(signed_info)
    return SecurityHeader(
        element=headers[0],
        timestamp=timestamp,
        token=token,
        certificate=_read_token(token),
        signature=signature,
        signed_info=signed_info,
        signed_info_prefixes=_exclusive_prefixes(method, checks.WSS_ALGORITHM),
        signature_algorithm=_algorithm(algorithm),
        signature_value=decode(value, checks.WSS_SIGNATURE_FORM, limits.SIGNATURE_MAX_BYTES),
        references=tuple(_read_reference(reference) for reference in references),
        confirmations=tuple(confirmations),
    )


def read_unsigned_security(envelope: Envelope) -> Timestamp | None:
    """Read the wsse:Security of a message that must not be signed: at most a Timestamp.

    Raises:
        Refusal: WSS-UNEXPECTED or WSS-TIMESTAMP-FORM.

    Digikoppeling WUS §Ondersteunde varianten (2W-be), WB011.
    """
    headers = [block for block in envelope.blocks if block.tag == SECURITY]
    if not headers:
        return None
    children = list(headers[0])
    if len(headers) > 1 or [child.tag for child in children] != [_TIMESTAMP]:
        found = [child for header in headers for child in header]
        raise Refusal(
            checks.WSS_UNEXPECTED,
            expected="no wsse:Security, or one with a Timestamp",
            received=", ".join(local_name(child) for child in found[:4]) or "an empty one",
            about="mustUnderstand" if any(map(must_understand, headers)) else "",
        )
    return _read_timestamp(children[0])


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
            if name[-2:] not in _ID or name[-3:-2] not in _NO_PREFIX:
                continue
            if value in seen or len(value) > limits.ID_MAX:
                raise Refusal(checks.WSS_ID_UNIQUE, received=f"Id on {local_name(element)}")
            seen.add(value)


def _read_timestamp(element: etree._Element) -> Timestamp:
    children = children_only(element, checks.WSS_TIMESTAMP_FORM)
    if [child.tag for child in children] not in ([_CREATED], [_CREATED, _EXPIRES]):
        raise Refusal(
            checks.WSS_TIMESTAMP_FORM,
            expected="Created, Expires?",
            received=", ".join(local_name(child) for child in children[:4]),
        )
    moments = [_moment(child) for child in children]
    expires = moments[1] if len(moments) == 2 else None
    if expires is not None and expires <= moments[0]:
        raise Refusal(checks.WSS_TIMESTAMP_FORM, expected="Expires later than Created")
    return Timestamp(element, moments[0], expires)


def _moment(element: etree._Element) -> datetime:
    text = leaf_text(element, checks.WSS_TIMESTAMP_FORM)
    # It would be another type than the only one there is (BSP R3225 and R3226).
    if element.get("ValueType") is not None:
        raise Refusal(checks.WSS_TIMESTAMP_FORM, received=f"ValueType on {local_name(element)}")
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
                checks.WSS_TOKEN,
                expected=f"{name} {expected}",
                received=value or "nothing",
                about="type",
            )
    try:
        return _certificate(decode(token, checks.WSS_TOKEN, limits.TOKEN_MAX_BYTES))
    except (ValueError, x509.InvalidVersion):
        raise Refusal(checks.WSS_TOKEN, received="not a DER certificate") from None


@lru_cache(maxsize=256)
def _certificate(der: bytes) -> x509.Certificate:
    """Parse a certificate; the same octets are the same certificate, and senders repeat theirs."""
    return x509.load_der_x509_certificate(der)


def _require_direct_reference(key_info: etree._Element, token: etree._Element) -> None:
    """Require KeyInfo/SecurityTokenReference/Reference[@URI='#token'] and nothing else."""
    reference = key_info
    for tag in _DIRECT:
        children = children_only(reference, checks.WSS_KEY_INFO)
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
    if names[:2] != _SIGNED_INFO_HEAD or set(names[2:]) != {_REFERENCE}:
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


def _require_small(signed_info: etree._Element) -> None:
    """Bound what is canonicalised before anybody is known."""
    # By XPath: a loop would make a Python object of each element.
    values = cast("list[str]", _VALUES(signed_info))
    size = int(_TEXT_LENGTH(signed_info)) + sum(map(len, values)) + _NAME * len(values)
    if size > limits.SIGNED_INFO_MAX_BYTES:
        raise Refusal(
            checks.WSS_REF_LIMIT,
            expected=f"a SignedInfo of at most {limits.SIGNED_INFO_MAX_BYTES} bytes",
            received=str(size),
        )


def _read_reference(reference: etree._Element) -> Reference:
    transforms, method, value = exactly(reference, checks.WSS_SIGNATURE_FORM, _REFERENCE_PARTS)
    steps = list(transforms)
    if len(steps) != 1 or steps[0].tag != _TRANSFORM:
        raise Refusal(
            checks.WSS_TRANSFORM,
            expected=EXC_C14N,
            received=", ".join(step.get("Algorithm", "?") for step in steps[:4]) or "none",
        )
    # Its digests would be of things that nobody looks at (BSP R5403).
    if reference.get("Type") == _MANIFEST:
        raise Refusal(checks.WSS_SIGNATURE_FORM, received="a Manifest")
    uri = reference.get("URI") or ""
    if not uri.startswith("#") or len(uri) < 2:
        raise Refusal(checks.WSS_REF_TARGET, expected="#Id", received=uri or "no URI")
    return Reference(
        target_id=uri[1:],
        prefixes=_exclusive_prefixes(steps[0], checks.WSS_TRANSFORM),
        digest_algorithm=_algorithm(method),
        digest=decode(value, checks.WSS_SIGNATURE_FORM, limits.DIGEST_MAX_BYTES),
    )


def _read_confirmation(element: etree._Element) -> Confirmed:
    """Read one SignatureConfirmation; without a wsu:Id nothing could sign it (BSP R5441)."""
    if not element.get(WSU_ID) or len(element) or (element.text or "").strip():
        raise Refusal(checks.WSS_CONFIRMATION, expected="a wsu:Id, and no content")
    text = element.get("Value")
    if text is None:
        return Confirmed(element, None)
    return Confirmed(
        element,
        decoded(text, checks.WSS_CONFIRMATION, "Value", limits.SIGNATURE_MAX_BYTES),
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
    # Canonicalisation looks for each, known or not, at each element of what is signed.
    prefixes = (children[0].get("PrefixList") or "").split(maxsplit=limits.MAX_PREFIXES)
    if (
        len(prefixes) > limits.MAX_PREFIXES
        or max(map(len, prefixes), default=0) > limits.PREFIX_MAX
    ):
        raise Refusal(
            checks.WSS_REF_LIMIT,
            expected=f"at most {limits.MAX_PREFIXES} prefixes of {limits.PREFIX_MAX} characters "
            "in a PrefixList",
            received="more",
        )
    return tuple(prefixes)


def _algorithm(element: etree._Element) -> str:
    """Return the Algorithm; parameters such as HMACOutputLength are refused (BSP R5401)."""
    if len(element):
        raise Refusal(
            checks.WSS_ALGORITHM, expected=f"an empty {local_name(element)}", received="parameters"
        )
    return element.get("Algorithm") or ""
