"""The TLS side of a client: one OpenSSL context from an identity and a trust store."""

import os
import secrets
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from digipoort_wus.ciphers import TLS12_CIPHERS
from digipoort_wus.clock import system_clock
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.pki.chain import TrustStore
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.profiles import Role


def tls_context(identity: Identity, trust: TrustStore) -> ssl.SSLContext:
    """Return a TLS 1.2+ client context that shows an identity and trusts a store only.

    It offers the suites of Digikoppeling and no others (TLSCIPH001).

    The server's certificate must be for the host name, lead to a root of the store,
    and not be on a CRL of the store, when there are CRLs. A root counts when the store
    trusts it for TLS servers, now: make another context when one of them ends.

    Raises:
        ConfigurationError: no root of the store is for TLS servers, or OpenSSL does not take
            the certificate or key.
    """
    at = system_clock()
    authorities = trust.authorities_for(Role.TLS_SERVER, at)
    if not any(anchor.serves(Role.TLS_SERVER, at) for anchor in trust.roots):
        raise ConfigurationError(
            "No root is trusted for TLS servers at this moment: correct roles and until of the "
            "trust anchors, or add the root of the gateway's TLS certificate."
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # OpenSSL by itself offers CBC and static RSA, too. Of TLS 1.3 it offers what is wanted.
    context.set_ciphers(TLS12_CIPHERS)
    # A name counts in subjectAltName only; OpenSSL would fall back to the common name.
    context.hostname_checks_common_name = False
    context.load_verify_locations(cadata=_pem(authorities).decode())
    crls = [entry.crl for entries in trust.crls.by_issuer.values() for entry in entries]
    if crls:
        # Only a file can hold CRLs; cadata cannot.
        octets = b"".join(crl.public_bytes(Encoding.PEM) for crl in crls)
        with _briefly_a_file(octets) as path:
            context.load_verify_locations(cafile=path)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    # load_cert_chain takes files only: the key lies there encrypted, owner-only, and briefly.
    password = secrets.token_bytes(32).hex()
    key = identity.private_key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode())
    )
    try:
        with _briefly_a_file(_pem((identity.certificate, *identity.chain)) + key) as path:
            context.load_cert_chain(path, password=password)
    except ssl.SSLError as error:
        raise ConfigurationError(
            f"OpenSSL does not accept the client certificate ({error.reason}): "
            "use an RSA key of 2048 bits or more."
        ) from error
    return context


def _pem(certificates: tuple[x509.Certificate, ...]) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


@contextmanager
def _briefly_a_file(octets: bytes) -> Iterator[Path]:
    # mkstemp makes it readable for its owner only.
    descriptor, name = tempfile.mkstemp(prefix="digipoort-wus-")
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
        yield path
    finally:
        path.unlink()
