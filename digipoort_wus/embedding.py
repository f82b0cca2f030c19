"""The parts of the gateway as functions, for other gateways and for scripts.

No server, no store, no Twisted: octets and values in, values or octets out.
"""

from datetime import datetime
from pathlib import Path
from uuid import uuid4

from cryptography import x509
from lxml import etree

from digipoort_wus.clock import system_clock
from digipoort_wus.contract.schema import validate
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.names import ENDPOINTS, WSA_ANONYMOUS
from digipoort_wus.pki import profiles
from digipoort_wus.pki.chain import CachingVerifier, TrustStore, VerifiedCertificate, trust_store
from digipoort_wus.pki.identity import Identity, load_certificates, load_crls
from digipoort_wus.pki.profiles import Acceptance, Role
from digipoort_wus.soap.addressing import read_addressing
from digipoort_wus.soap.envelope import (
    Hygiene,
    namespace,
    read_envelope,
    require_basic_profile,
)
from digipoort_wus.wss.policy import (
    DIGIPOORT_1_2,
    SUITE_SHA256,
    SecurityPolicy,
    Signature,
    Suite,
)
from digipoort_wus.wss.sign import signed_answer
from digipoort_wus.wss.verify import SignatureEngine, Verified, verify_envelope
from digipoort_wus.xmlsafe.apart import apart
from digipoort_wus.xmlsafe.lookover import look_over
from digipoort_wus.xmlsafe.parse import parse_unparsed

PRODUCTION = profiles.PRODUCTION
"""Certificate policies and OINs of PKIoverheid."""
TEST = profiles.TEST
"""Those of test hierarchies; never mixed with production."""
_NAMESPACES = {service.types for service in ENDPOINTS.values()}


def load_trust(ca_file: Path, crl_dir: Path, acceptance: Acceptance = PRODUCTION) -> TrustStore:
    """Load whom to believe: a file with roots and intermediates, and a directory of their CRLs.

    Args:
        ca_file: PEM; self-signed certificates are the trust anchors.
        crl_dir: one current CRL for every certificate in ``ca_file``.
        acceptance: ``PRODUCTION``, or ``TEST`` for what ``digipoort-wus pki init`` makes.

    Raises:
        ConfigurationError: a file cannot be read, or there is no root.
    """
    return trust_store(load_certificates(ca_file), load_crls(crl_dir), acceptance)


def verify_request(
    octets: bytes,
    *,
    trust: TrustStore | CachingVerifier,
    now: datetime | None = None,
    policy: SecurityPolicy = DIGIPOORT_1_2,
    engine: SignatureEngine | None = None,
) -> Verified:
    """Verify one signed SOAP request and return what was signed, and by whom.

    Parses once, judges envelope, addressing headers, signature, certificate and
    time, and validates an element of Digipoort or of Echo in the Body against its
    schema. What is not checked, because only a server knows it: HTTP headers, the
    address in wsa:To, replay (``ReplayCache`` is for that), and whether the signer may
    do what he asks.

    Args:
        octets: body of the HTTP request, at most ``limits.WIRE_MAX_BYTES``.
        trust: whom to believe; a :class:`CachingVerifier` remembers good certificates.
        now: moment of receipt, aware; the system's time when None.
        policy: what signature and timestamp must meet.
        engine: does the cryptography; the native one when None.

    Raises:
        Refusal: the first check that failed.
        ConfigurationError: the policy is one without signatures.
    """
    if policy.signature is Signature.NONE:
        raise ConfigurationError(
            f"{policy.name} has no signatures: who sent a message is for the TLS server to say."
        )
    judge = trust if isinstance(trust, CachingVerifier) else CachingVerifier(trust)

    def signer(certificate: x509.Certificate, at: datetime) -> VerifiedCertificate:
        return judge(certificate, (), Role.SIGNER, at)

    unparsed = look_over(octets)

    def verify() -> Verified:
        envelope = read_envelope(parse_unparsed(unparsed))
        if policy.hygiene is Hygiene.BASIC_PROFILE:
            require_basic_profile(envelope)
        verified = verify_envelope(
            envelope,
            read_addressing(envelope, policy.addressing),
            policy=policy,
            trust=signer,
            now=now or system_clock(),
            engine=engine,
        )
        if namespace(verified.body_child) in _NAMESPACES:
            validate(verified.body_child)
        return verified

    # Else this thread would keep the new names for ever.
    verified = verify() if unparsed.familiar else apart(verify)
    unparsed.make_familiar()
    return verified


def sign_response(
    body_child: etree._Element,
    *,
    identity: Identity,
    action: str,
    relates_to: str,
    suite: Suite = SUITE_SHA256,
    message_id: str | None = None,
    created: datetime | None = None,
    confirms: bytes | None = None,
) -> bytes:
    """Return a whole signed SOAP answer as UTF-8 octets, in the form of Digipoort's own.

    Args:
        body_child: the element for the Body; the root of a tree of its own.
        identity: whose certificate and key sign.
        action: wsa:Action, such as ``Service.response_action`` gives.
        relates_to: wsa:MessageID of the request.
        suite: that of the request: ``Verified.suite``.
        message_id: a fresh one when None.
        created: moment of signing, aware; the system's time when None.
        confirms: ``Verified.signature_value`` of the request, for Digikoppeling 2W-be-S.
    """
    headers = (
        ("To", WSA_ANONYMOUS),
        ("MessageID", message_id or f"urn:uuid:{uuid4()}"),
        ("Action", action),
        ("RelatesTo", relates_to),
    )
    return signed_answer(
        headers,
        body_child,
        identity=identity,
        suite=suite,
        created=created or system_clock(),
        confirms=confirms,
    )
