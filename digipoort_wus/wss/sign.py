"""Signing: answers by template, requests in the tree that a SOAP library built.

Both sign the same parts: Timestamp, every wsa header, Body. An answer is written
as text that is already in canonical form, so that the only cryptographic cost
left is RSA. A request belongs to somebody else's tree, whose prefixes and
declarations we must take as they are, so its parts are canonicalised in place.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain
from xml.sax.saxutils import escape

import pybase64
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from lxml import etree

from digipoort_wus.clock import format_utc
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.names import (
    BASE64_BINARY,
    DS,
    EXC_C14N,
    SOAP,
    WSA,
    WSSE,
    WSSE11,
    WSU,
    X509_V3,
)
from digipoort_wus.pki.identity import Identity
from digipoort_wus.soap.envelope import SECURITY, local_name, namespace
from digipoort_wus.wss.header import WSU_ID
from digipoort_wus.wss.policy import DIGESTS, HASHES, PADDINGS, Suite
from digipoort_wus.xmlsafe.c14n import canonicalize
from digipoort_wus.xmlsafe.splice import LargeTexts

LIFETIME = timedelta(minutes=10)
"""From Created to Expires: what Digipoort's own answers have."""

_TIMESTAMP_ID, _BODY_ID, _TOKEN_ID, _CONFIRMATION_ID = "TS-1", "Body-1", "X509-1", "SC-1"
_BODY_END = b"</soapenv:Body>"


def signed_answer(
    headers: Sequence[tuple[str, str]],
    body_child: etree._Element,
    *,
    identity: Identity,
    suite: Suite,
    created: datetime,
    texts: LargeTexts | None = None,
    confirms: bytes | None = None,
) -> bytes:
    """Return a whole signed SOAP message as UTF-8 octets.

    Args:
        headers: local names and values of the wsa headers, in order.
        body_child: the element for the Body; a tree of its own.
        identity: whose certificate and key sign.
        suite: signature and digest algorithm.
        created: the moment of signing.
        texts: of ``body_child``, where they may be large; they are out of it afterwards.
        confirms: the SignatureValue of the request, for policies whose answers repeat it.
    """
    child = tuple((texts or LargeTexts(None)).octets(body_child))
    before, behind = signed_frame(
        headers, child, identity=identity, suite=suite, created=created, confirms=confirms
    )
    return b"".join((before, *child, behind))


def signed_frame(
    headers: Sequence[tuple[str, str]],
    body_child: Iterable[bytes],
    *,
    identity: Identity,
    suite: Suite,
    created: datetime,
    confirms: bytes | None = None,
) -> tuple[bytes, bytes]:
    """Return what stands before and behind the element in the Body of a signed SOAP message.

    Args:
        headers: local names and values of the wsa headers, in order.
        body_child: the element in its exclusive canonical form, in pieces; read once, here,
            and never held. Who sends the message writes the same pieces between the two.
        identity: whose certificate and key sign.
        suite: signature and digest algorithm.
        created: the moment of signing.
        confirms: the SignatureValue of the request, for policies whose answers repeat it.

    Digipoort answers as observed: Created and Expires ten minutes apart, direct
    reference to the token, token not signed. wsse:Security stands last, because
    gSOAP miscounts a signed header behind it.
    """
    blocks = [
        (
            f"{name}-1",
            f'<wsa:{name} xmlns:wsa="{WSA}" xmlns:wsu="{WSU}" wsu:Id="{name}-1">'
            f"{_text(value)}</wsa:{name}>".encode(),
        )
        for name, value in headers
    ]
    opening = f'<soapenv:Body xmlns:soapenv="{SOAP}" xmlns:wsu="{WSU}" wsu:Id="{_BODY_ID}">'
    body = chain((opening.encode(),), body_child, (_BODY_END,))
    timestamp = _timestamp(created, LIFETIME)
    confirmation = _confirmation(confirms, _CONFIRMATION_ID) if confirms is not None else ""
    confirmed = ((_CONFIRMATION_ID, confirmation.encode()),) if confirmation else ()
    signed = ((_TIMESTAMP_ID, timestamp.encode()), *confirmed, *blocks)
    digests = [(part_id, _digest(suite, (octets,))) for part_id, octets in signed]
    signed_info = _signed_info(suite, [*digests, (_BODY_ID, _digest(suite, body))])
    security = _security(
        timestamp,
        _token(identity, _TOKEN_ID) + confirmation,
        signed_info,
        _b64(_sign(identity, suite, signed_info.encode())),
        _TOKEN_ID,
    )
    before = (
        f'<soapenv:Envelope xmlns:soapenv="{SOAP}"><soapenv:Header>'.encode(),
        *(octets for _, octets in blocks),
        f"{security}</soapenv:Header>{opening}".encode(),
    )
    return b"".join(before), _BODY_END + b"</soapenv:Envelope>"


def sign_request(
    root: etree._Element,
    *,
    identity: Identity,
    suite: Suite,
    created: datetime,
    lifetime: timedelta = LIFETIME,
    confirms: bytes | None = None,
) -> bytes:
    """Sign a request, or a fault, in place: add wsse:Security to its Header.

    Args:
        root: a SOAP 1.1 Envelope with its wsa headers and Body complete; it must
            not be changed or indented afterwards.
        identity: whose certificate and key sign.
        suite: signature and digest algorithm.
        created: the moment of signing.
        lifetime: from Created to Expires.
        confirms: for a fault, the SignatureValue of the request that it answers.

    Returns:
        The SignatureValue, which an answer of Digikoppeling confirms.

    Raises:
        ConfigurationError: the envelope has no Header or Body, or is signed already.

    Digipoort WSDL 1.2; Digikoppeling WUS WB004: Body, Timestamp and every wsa header
    are signed.
    """
    header, body = root.find(f"{{{SOAP}}}Header"), root.find(f"{{{SOAP}}}Body")
    if header is None or body is None:
        raise ConfigurationError(
            "The envelope has no Header or no Body: add the wsa headers before signing."
        )
    if header.find(SECURITY) is not None:
        raise ConfigurationError("The envelope has a wsse:Security already: sign it only once.")
    blocks = [block for block in header if namespace(block) == WSA]
    # Ids that cannot clash with those of the payload, and are the same when the same message is
    # signed again after its answer was lost: the Body's Id is part of what the Body's digest is
    # over, and a receiver recognises a repeat by that digest.
    message_id = header.findtext(f"{{{WSA}}}MessageID") or format_utc(created)
    stem = hashlib.sha256(message_id.encode()).hexdigest()[:16]
    parts = [(body, f"id-{stem}-Body")]
    parts += [(block, f"id-{stem}-{local_name(block)}") for block in blocks]
    for part, part_id in parts:
        part.set(WSU_ID, part_id)
    timestamp_id, token_id = f"id-{stem}-TS", f"id-{stem}-X509"
    confirmation_id = f"id-{stem}-SC"
    order = [timestamp_id, *(part_id for _, part_id in parts)]
    confirmation = ""
    if confirms is not None:
        confirmation = _confirmation(confirms, confirmation_id)
        order.append(confirmation_id)
    security = etree.fromstring(
        _security(
            _timestamp(created, lifetime, timestamp_id),
            _token(identity, token_id) + confirmation,
            _signed_info(suite, [(part_id, "") for part_id in order]),
            "",
            token_id,
        )
    )
    header.append(security)
    # From here on the tree stands as it will be sent; what is signed is read from it.
    timestamp, _, *confirmed, signature = security
    signed_info, signature_value, _ = signature
    targets = [timestamp, *(part for part, _ in parts), *confirmed]
    values = signed_info.iterfind(f".//{{{DS}}}DigestValue")
    for target, value in zip(targets, values, strict=True):
        value.text = _digest(suite, (canonicalize(target),))
    octets = _sign(identity, suite, canonicalize(signed_info))
    signature_value.text = _b64(octets)
    return octets


def _timestamp(created: datetime, lifetime: timedelta, part_id: str = _TIMESTAMP_ID) -> str:
    return (
        f'<wsu:Timestamp xmlns:wsu="{WSU}" wsu:Id="{part_id}">'
        f"<wsu:Created>{format_utc(created)}</wsu:Created>"
        f"<wsu:Expires>{format_utc(created + lifetime)}</wsu:Expires></wsu:Timestamp>"
    )


def _confirmation(value: bytes, part_id: str) -> str:
    """Return a SignatureConfirmation in its exclusive canonical form."""
    return (
        f'<wsse11:SignatureConfirmation xmlns:wsse11="{WSSE11}" xmlns:wsu="{WSU}" '
        f'Value="{_b64(value)}" wsu:Id="{part_id}"></wsse11:SignatureConfirmation>'
    )


def _token(identity: Identity, token_id: str) -> str:
    octets = _base64_der(identity.certificate)
    return (
        f'<wsse:BinarySecurityToken xmlns:wsu="{WSU}" EncodingType="{BASE64_BINARY}" '
        f'ValueType="{X509_V3}" wsu:Id="{token_id}">{octets}</wsse:BinarySecurityToken>'
    )


@lru_cache(maxsize=16)
def _base64_der(certificate: x509.Certificate) -> str:
    return _b64(certificate.public_bytes(serialization.Encoding.DER))


def _signed_info(suite: Suite, digests: Sequence[tuple[str, str]]) -> str:
    """Return SignedInfo in its exclusive canonical form."""
    references = "".join(
        f'<ds:Reference URI="#{part_id}"><ds:Transforms>'
        f'<ds:Transform Algorithm="{EXC_C14N}"></ds:Transform></ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{suite.digest}"></ds:DigestMethod>'
        f"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"
        for part_id, digest in digests
    )
    return (
        f'<ds:SignedInfo xmlns:ds="{DS}">'
        f'<ds:CanonicalizationMethod Algorithm="{EXC_C14N}"></ds:CanonicalizationMethod>'
        f'<ds:SignatureMethod Algorithm="{suite.signature}"></ds:SignatureMethod>'
        f"{references}</ds:SignedInfo>"
    )


def _security(timestamp: str, token: str, signed_info: str, value: str, token_id: str) -> str:
    return (
        f'<wsse:Security xmlns:wsse="{WSSE}" xmlns:soapenv="{SOAP}" soapenv:mustUnderstand="1">'
        f'{timestamp}{token}<ds:Signature xmlns:ds="{DS}">{signed_info}'
        f"<ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo>"
        f'<wsse:SecurityTokenReference><wsse:Reference URI="#{token_id}" ValueType="{X509_V3}"/>'
        "</wsse:SecurityTokenReference></ds:KeyInfo></ds:Signature></wsse:Security>"
    )


def _sign(identity: Identity, suite: Suite, octets: bytes) -> bytes:
    return identity.private_key.sign(octets, PADDINGS[suite.signature], HASHES[suite.signature])


def _digest(suite: Suite, pieces: Iterable[bytes]) -> str:
    running = DIGESTS[suite.digest](usedforsecurity=False)
    for piece in pieces:
        running.update(piece)
    return _b64(running.digest())


def _b64(octets: bytes) -> str:
    return pybase64.b64encode_as_string(octets)


def _text(value: str) -> str:
    """Escape character data as canonical XML writes it."""
    return escape(value, {"\r": "&#xD;"})
