"""Mutual TLS: one OpenSSL context from an identity and a trust store.

OpenSSL judges the client during the handshake (chain, dates, purpose, CRLs of
every level), so that a stranger meets an alert and never a parser.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from digipoort_wus.ciphers import TLS12_CIPHERS, TLS13_SUITES
from digipoort_wus.clock import Clock
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.pki.identity import Identity

_CLASSIC_GROUPS = b"X25519:X448:P-256:P-384:P-521"
_HYBRID_GROUPS = b"X25519MLKEM768:SecP256r1MLKEM768:SecP384r1MLKEM1024"
# PSS with SHA-512 is what G4 chains need, PKCS#1 with SHA-256 what G1 chains need.
_SIGNATURE_ALGORITHMS = (
    b"RSA-PSS+SHA512:RSA-PSS+SHA384:RSA-PSS+SHA256:"
    b"ECDSA+SHA512:ECDSA+SHA384:ECDSA+SHA256:ed25519:"
    b"RSA+SHA512:RSA+SHA384:RSA+SHA256"
)


@dataclass(frozen=True, slots=True)
class TlsTrust:
    """What the handshake trusts.

    Args:
        authorities: roots and intermediates; only self-signed ones end a chain.
        crls: one current CRL for every authority that stands in a chain.
    """

    authorities: Sequence[x509.Certificate]
    crls: Sequence[x509.CertificateRevocationList]


def server_context(identity: Identity, trust: TlsTrust) -> SSL.Context:
    """Return a context that accepts TLS 1.2 and 1.3 from clients with a trusted certificate.

    Raises:
        ConfigurationError: OpenSSL refuses the certificate or the key.

    Digikoppeling TLS001 to TLS006, TLSCIPH001, WT001 to WT004.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_max_proto_version(SSL.TLS1_3_VERSION)
    context.set_cipher_list(TLS12_CIPHERS.encode())
    context.set_tls13_ciphersuites(TLS13_SUITES.encode())
    set_groups_and_signature_algorithms(context)
    context.set_options(
        SSL.OP_NO_COMPRESSION
        | SSL.OP_NO_RENEGOTIATION
        | SSL.OP_NO_TICKET
        | SSL.OP_SINGLE_ECDH_USE
        # What NCSC calls good before what it calls sufficient, whatever the client prefers.
        | SSL.OP_CIPHER_SERVER_PREFERENCE
    )
    # Without resumption the client's certificate is judged again on every connection.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    # TLS 1.3 hands out tickets all the same, which open nothing: let clients forget them.
    context.set_timeout(1)
    context.set_session_id(b"digipoort-wus")
    context.set_alpn_select_callback(_select_http_1_1)
    _use_identity(context, identity)
    _require_client(context, trust)
    return context


def set_groups_and_signature_algorithms(context: SSL.Context) -> None:
    """Restrict key exchange groups and signature algorithms of a context.

    pyOpenSSL has no public call for either, so its binding is used, in this module only.

    Raises:
        ConfigurationError: this OpenSSL knows none of the groups or algorithms.
    """
    library, handle = SSL._lib, context._context  # type: ignore[attr-defined]
    hybrid_and_classic = _HYBRID_GROUPS + b":" + _CLASSIC_GROUPS
    # OpenSSL before 3.5 has no ML-KEM and refuses a list that names it.
    if not any(
        library.SSL_CTX_set1_curves_list(handle, groups)
        for groups in (hybrid_and_classic, _CLASSIC_GROUPS)
    ) or not library.SSL_CTX_set1_sigalgs_list(handle, _SIGNATURE_ALGORITHMS):
        raise ConfigurationError(
            "OpenSSL accepts none of the key exchange groups or signature algorithms: "
            "install a cryptography wheel with OpenSSL 3."
        )


def verify_code_of(connection: SSL.Connection) -> int:
    """Return what OpenSSL said of the peer's certificate, an X509_V_ERR_ code, or 0.

    pyOpenSSL has no public call for it. A callback would hear it, too, but would then stand
    in the way of the verdict itself.
    """
    return int(SSL._lib.SSL_get_verify_result(connection._ssl))  # type: ignore[attr-defined]


@implementer(IOpenSSLServerConnectionCreator)
class ConnectionCreator:
    """Gives each new connection the context of that moment, so that it can be replaced.

    Args:
        context: returns the one for a new connection.
        clock: the moment at which certificates and CRLs of a client are judged.
    """

    def __init__(self, context: Callable[[], SSL.Context], clock: Clock) -> None:
        self._context = context
        self._clock = clock

    def serverConnectionForTLS(  # noqa: N802 - Twisted's interface
        self, protocol: TLSMemoryBIOProtocol
    ) -> SSL.Connection:
        """Return a connection for a new client."""
        context = self._context()
        store = context.get_cert_store()
        if store is not None:
            store.set_time(self._clock())
        return SSL.Connection(context, None)


def _select_http_1_1(
    _connection: SSL.Connection, offered: list[bytes]
) -> "bytes | SSL._NoOverlappingProtocols":
    # Digikoppeling names HTTP 1.1; a client that offers only something else gets no ALPN.
    return b"http/1.1" if b"http/1.1" in offered else SSL.NO_OVERLAPPING_PROTOCOLS


def _use_identity(context: SSL.Context, identity: Identity) -> None:
    if not isinstance(identity.private_key, rsa.RSAPrivateKey):
        raise ConfigurationError("The TLS key is no RSA key: PKIoverheid certificates have one.")
    try:
        context.use_certificate(identity.certificate)
        context.use_privatekey(identity.private_key)
        context.check_privatekey()
        for certificate in identity.chain:
            context.add_extra_chain_cert(certificate)
    except SSL.Error as error:
        raise ConfigurationError(
            "OpenSSL refuses the TLS certificate or its key: check that they belong together."
        ) from error


def _require_client(context: SSL.Context, trust: TlsTrust) -> None:
    store = context.get_cert_store()
    if store is None:
        raise ConfigurationError("OpenSSL gives no certificate store.")
    for authority in trust.authorities:
        store.add_cert(crypto.X509.from_cryptography(authority))
    for crl in trust.crls:
        store.add_crl(crl)
    store.set_flags(crypto.X509StoreFlags.CRL_CHECK | crypto.X509StoreFlags.CRL_CHECK_ALL)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    context.set_verify_depth(5)
