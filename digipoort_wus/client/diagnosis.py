"""From what requests, urllib3 and OpenSSL raise to a sentence that says what to do."""

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from digipoort_wus.client.errors import ConnectionFailed

# What the gateway's TLS alert says about our certificate, by words in OpenSSL's reason.
_ALERTS = MappingProxyType(
    {
        "CERTIFICATE_REQUIRED": "it wants a client certificate: give an identity with its key.",
        "CERTIFICATE_REVOKED": "the client certificate is revoked: get a new one.",
        "CERTIFICATE_EXPIRED": "the client certificate has expired: get a new one.",
        "UNKNOWN_CA": "it does not know the CA of the client certificate: use a certificate of "
        "the PKI that the gateway trusts, and send its issuers along.",
        "UNSUPPORTED_CERTIFICATE": "the client certificate is not meant for TLS clients: use "
        "one with the purpose clientAuth.",
        "BAD_CERTIFICATE": "it refused the client certificate: check its validity, its purpose "
        "and its chain.",
        "CERTIFICATE_UNKNOWN": "it refused the client certificate: check its validity, its "
        "purpose and its chain.",
        "ACCESS_DENIED": "it refused the client certificate: ask the operator to allow it.",
        "PROTOCOL_VERSION": "it offers no TLS 1.2 or later: ask the operator.",
        "HANDSHAKE_FAILURE": "there is no cipher in common, or it wants another client "
        "certificate: check the certificate's key and purpose.",
    }
)
# X509_V_ERR_ codes of OpenSSL: what we hold against the gateway's certificate.
_VERIFY_CODES = MappingProxyType(
    {
        3: "there is no CRL of its issuer: add the CRL of every CA.",
        9: "it is not yet valid: check the clock of this machine.",
        10: "it has expired: check the clock, or ask the operator to renew it.",
        12: "the CRL of its issuer has expired: fetch the CRLs again.",
        18: "it is self-signed and not among the trusted roots: give its CA file.",
        19: "its root is not among the trusted ones: give the gateway's CA file.",
        20: "its issuer is not known: give the gateway's CA file, with the intermediates.",
        21: "its issuer is not known: give the gateway's CA file, with the intermediates.",
        23: "it is revoked: do not use this gateway, and tell its operator.",
        26: "it is not meant for TLS servers: tell the gateway's operator.",
        62: "it is for another host name: use the name that stands in the certificate.",
        64: "it is for another address: use the host name that stands in the certificate.",
    }
)
_STATUSES = MappingProxyType(
    {
        401: "the gateway does not know this client: ask its operator.",
        403: "the gateway does not allow this client: ask its operator.",
        404: "there is no such service: check the path of the URL.",
        405: "there is no SOAP service: check the path of the URL.",
        413: "the request is too large: send smaller documents.",
        415: "the gateway does not take this kind of message: check that it is a WUS 1.2 service.",
        429: "the gateway is busy: try again later.",
        502: "the gateway cannot be reached behind its proxy: try again later.",
        503: "the gateway is overloaded or being restarted: try again later.",
        504: "the gateway cannot be reached behind its proxy: try again later.",
    }
)
_TEMPORARY = frozenset({429, 502, 503, 504})
_CLOSED = (
    ssl.SSLEOFError,
    ConnectionResetError,
    ConnectionAbortedError,
    BrokenPipeError,
    http.client.RemoteDisconnected,
)


def connection_failed(error: Exception, address: str) -> ConnectionFailed:
    """Return the sentence for an exception of requests, urllib3, ssl or socket.

    Args:
        error: what was raised.
        address: URL that was asked; only its host and port are told.
    """
    parts = urlsplit(address)
    where = f"{parts.hostname}:{parts.port or 443}"
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = _VERIFY_CODES.get(cause.verify_code, f"{cause.verify_message}.")
            return _lasting(f"The certificate of {where} cannot be trusted, {why}")
    for cause in causes:
        if isinstance(cause, ssl.SSLError) and cause.reason and "EOF" not in cause.reason:
            return _alert(cause.reason, where)
    return _network(error, causes, where)


def was_closed(error: Exception) -> bool:
    """Return whether the gateway closed the connection without a word that arrived.

    With TLS 1.3 the alert about our certificate comes after our side of the handshake:
    it is lost when the request is being written at that moment.
    """
    return any(isinstance(cause, _CLOSED) for cause in _causes(error))


def not_soap(status: int, headers: Mapping[str, str], address: str) -> ConnectionFailed | None:
    """Return why an HTTP answer cannot be SOAP, None when it can.

    A fault may come with any status (Digipoort is not consistent there), so the kind
    of content decides, and the status only words the sentence.
    """
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type == "text/xml" and not 300 <= status < 400:
        return None
    parts = urlsplit(address)
    where = f"{parts.hostname}:{parts.port or 443} answered with HTTP {status}"
    if 300 <= status < 400:
        return _lasting(f"{where}, a redirect that is not followed: give the final URL.")
    if status in _STATUSES:
        sentence = f"{where}: {_STATUSES[status]}"
        return ConnectionFailed(sentence, temporary=status in _TEMPORARY)
    return _lasting(f"{where} and content that is not SOAP: check that the URL is a WUS service.")


def _alert(reason: str, where: str) -> ConnectionFailed:
    for word, why in _ALERTS.items():
        if word in reason:
            return _lasting(f"{where} ended the TLS connection, {why}")
    if reason == "WRONG_VERSION_NUMBER":
        return _lasting(f"{where} does not speak TLS: check the port of the URL.")
    return _lasting(f"The TLS connection to {where} failed ({reason}): check both certificates.")


def _network(error: Exception, causes: list[BaseException], where: str) -> ConnectionFailed:
    if isinstance(error, requests.exceptions.InvalidSchema):
        return _lasting("Only https is spoken here: give a URL that begins with https://.")
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return _passing(f"The host name of {where} cannot be resolved: check the URL and DNS.")
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return _passing(f"Nothing listens at {where}: start the gateway, or check host and port.")
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return _passing(f"{where} cannot be reached in time: check host, port and firewall.")
    timeouts = (TimeoutError, urllib3.exceptions.ReadTimeoutError)
    if isinstance(error, requests.exceptions.Timeout) or any(
        isinstance(cause, timeouts) for cause in causes
    ):
        return _unanswered(
            f"{where} did not answer in time; the request may have been processed: ask for "
            "its status, or repeat it with the same message id."
        )
    if was_closed(error) or isinstance(error, urllib3.exceptions.ProtocolError):
        return _unanswered(
            f"{where} closed the connection without a whole answer: try again; if it happens "
            "every time, it may refuse the client certificate (check its validity and its CA)."
        )
    return _unanswered(
        f"The connection to {where} failed ({type(error).__name__}): try again later."
    )


def _lasting(sentence: str) -> ConnectionFailed:
    return ConnectionFailed(sentence, temporary=False)


def _unanswered(sentence: str) -> ConnectionFailed:
    return ConnectionFailed(sentence, temporary=True, may_have_arrived=True)


def _passing(sentence: str) -> ConnectionFailed:
    return ConnectionFailed(sentence, temporary=True)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what caused it; urllib3 also hides causes in arguments."""
    todo, seen = [error], set()
    while todo:
        current = todo.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        nested = (current.__cause__, current.__context__, getattr(current, "reason", None))
        todo += [item for item in (*nested, *current.args) if isinstance(item, BaseException)]
