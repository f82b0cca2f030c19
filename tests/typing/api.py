"""The public API as its users see it; mypy checks this file, a test runs the imports.

A name that goes, or a type that changes, shows here first: then it is a breaking change.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import assert_type

from lxml import etree

from digipoort_wus import (
    DIGIPOORT_1_2,
    PRODUCTION,
    SUITE_SHA256,
    TEST,
    Backend,
    CachingVerifier,
    Config,
    ConfigurationError,
    DigipoortAddressing,
    DigipoortClient,
    DigipoortError,
    DigipoortFault,
    DigipoortWsse,
    Document,
    Endpoints,
    Gateway,
    Identity,
    Letter,
    Party,
    PartyId,
    Payload,
    Refusal,
    ReplayCache,
    TrustStore,
    Verified,
    load_config,
    load_pem,
    load_pkcs12,
    load_trust,
    sign_request,
    sign_response,
    verify_request,
    without_sha1,
)
from digipoort_wus.client.wsse import signer_trust
from digipoort_wus.ebms.message import Service
from digipoort_wus.testing import SandboxGateway, sandbox_gateway

PUBLIC = frozenset(
    (
        *("AnswerRefused", "Backend", "CachingVerifier", "Check", "Config", "ConfigurationError"),
        *("ConnectionFailed", "DIGIPOORT_1_2", "DigipoortAddressing", "DigipoortClient"),
        *("DigipoortError", "DigipoortFault", "DigipoortWsse", "Document", "Endpoints"),
        *("Filing", "Gateway", "Identity", "Letter", "PRODUCTION", "Party"),
        *("PartyId", "Payload", "Refusal", "ReplayCache"),
        *("ReturnMessage", "SUITE_SHA1", "SUITE_SHA256", "SecurityPolicy", "TEST"),
        *("TrustStore", "Verified"),
        *("load_config", "load_pem", "load_pkcs12", "load_trust", "sign_request"),
        *("sign_response", "verify_request", "without_sha1"),
    )
)


def files(folder: Path) -> None:
    assert_type(load_config(folder / "gateway.toml"), Config)
    assert_type(load_pem(folder / "vendor-a.pem", folder / "vendor-a.key"), Identity)
    assert_type(load_pkcs12(folder / "vendor-a.p12", "test"), Identity)
    assert_type(load_trust(folder / "ca.pem", folder / "crl", TEST), TrustStore)
    load_trust(folder / "ca.pem", folder / "crl", acceptance=PRODUCTION)


def messages(octets: bytes, trust: TrustStore, identity: Identity) -> bytes:
    verified = verify_request(octets, trust=trust)
    assert_type(verified, Verified)
    assert_type(verified.signer.oin.upper(), str)
    assert_type(verified.addressing.message_id, str)
    verify_request(
        octets,
        trust=CachingVerifier(trust),
        now=datetime.now(UTC),
        policy=without_sha1(DIGIPOORT_1_2),
    )
    cache = ReplayCache(DIGIPOORT_1_2, most=10)
    cache.require_new(verified, datetime.now(UTC))
    assert_type(len(cache), int)
    root = etree.fromstring(octets)
    sign_request(root, identity=identity, suite=SUITE_SHA256, created=datetime.now(UTC))
    return sign_response(
        verified.body_child,
        identity=identity,
        action="urn:action",
        relates_to=verified.addressing.message_id,
        suite=verified.suite,
    )


def client(identity: Identity, trust: TrustStore) -> str:
    DigipoortWsse(identity, signer_trust(trust))
    DigipoortAddressing()
    endpoints = Endpoints.at("https://localhost:8443")
    with DigipoortClient(endpoints, identity=identity, trust=trust) as connection:
        try:
            receipt = connection.submit(
                Document("text/xml", "a.xml", b"<a/>"),
                berichtsoort="TEST",
                belanghebbende=Party("001000044B37", "Fi"),
            )
        except DigipoortFault as fault:
            return fault.code
        return connection.wait(receipt.kenmerk, timeout=10)[-1].code


def ebms(gateway: Gateway) -> int:
    if gateway.ebms is None:
        return 0
    assert_type(gateway.ebms.backend, Backend)
    payload = Payload("1@example.nl", "application/xml", b"<a/>")
    sender = PartyId("00000099000000001000", "urn:osb:oin")
    letter = Letter("cpa", sender, Service("s"), "a", payloads=(payload,))
    assert_type(gateway.ebms.service.send(letter), str)
    backend = gateway.ebms.backend
    ids = [row.ebms_id for row in backend.unprocessed()]
    assert_type(backend.events()[0].kind, str)
    return backend.mark_processed(ids)


def errors(error: DigipoortError) -> str:
    if isinstance(error, Refusal):
        return error.check.id
    return "configuration" if isinstance(error, ConfigurationError) else str(error)


def in_a_test() -> None:
    with sandbox_gateway() as digipoort:
        assert_type(digipoort, SandboxGateway)
        assert_type(digipoort.gateway, Gateway)
