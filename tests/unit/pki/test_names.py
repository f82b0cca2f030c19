"""Names in a server's certificate: the chain is good, and our TLS client compares the name."""

import ssl
from ipaddress import ip_address

import pytest
from cryptography import x509
from OpenSSL import SSL

from digipoort_wus.client.tls import tls_context
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.issue import issue_certificate
from digipoort_wus.pki.testpki import TestPki
from tests.unit.pki.handshake import handshake
from tests.unit.pki.scenarios import SPARE_KEY, template_of

CASES: dict[str, tuple[x509.GeneralName | None, str, bool]] = {
    "the name itself": (x509.DNSName("localhost"), "localhost", True),
    "another name": (x509.DNSName("other.invalid"), "localhost", False),
    "common name only": (None, "TEST gateway-tls", False),
    "a wildcard is one label": (x509.DNSName("*.example.invalid"), "a.example.invalid", True),
    "not two": (x509.DNSName("*.example.invalid"), "a.b.example.invalid", False),
    "not none": (x509.DNSName("*.localhost"), "localhost", False),
    "an address for an address": (x509.IPAddress(ip_address("127.0.0.1")), "127.0.0.1", True),
    "an address for a name": (x509.IPAddress(ip_address("127.0.0.1")), "localhost", False),
    "a name for an address": (x509.DNSName("127.0.0.1"), "127.0.0.1", False),
}


@pytest.mark.parametrize("case", CASES)
def test_names(case: str, g1: TestPki) -> None:
    name, host, good = CASES[case]
    template = template_of(g1, "gateway-tls").lacking(x509.SubjectAlternativeName)
    if name is not None:
        template = template.having(x509.SubjectAlternativeName([name]), critical=False)
    issuing = g1.authorities["issuing-ca"]
    leaf = issue_certificate(template, SPARE_KEY.public_key(), issuing)
    identity = Identity(leaf, issuing.sent_chain, SPARE_KEY)
    assert (shown_to_a_client(identity, g1, host) is None) == good


def shown_to_a_client(identity: Identity, pki: TestPki, host: str) -> str | None:
    """Return why a client that trusts the hierarchy does not talk to this server."""
    server = SSL.Context(SSL.TLS_SERVER_METHOD)
    server.use_certificate(identity.certificate)
    server.use_privatekey(identity.private_key)
    for certificate in identity.chain:
        server.add_extra_chain_cert(certificate)
    client = tls_context(pki.identities["vendor-a"], pki.trust_store())
    try:
        handshake(server, client, host=host)
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    return None
