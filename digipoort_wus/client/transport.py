"""How a zeep client reaches a gateway: mutual TLS, bounded answers, errors that help.

The environment has no say: proxies, ``REQUESTS_CA_BUNDLE`` and ``.netrc`` are
ignored, and nobody is trusted but the given roots.
"""

import socket
import ssl
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from time import monotonic
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
import zeep
from requests.adapters import HTTPAdapter

import digipoort_wus
from digipoort_wus import limits
from digipoort_wus.client.address import require_no_user
from digipoort_wus.client.diagnosis import connection_failed, not_soap, was_closed
from digipoort_wus.client.errors import ConnectionFailed
from digipoort_wus.client.tls import tls_context
from digipoort_wus.pki.chain import TrustStore
from digipoort_wus.pki.identity import Identity

ANSWER_MAX_BYTES = 2 * limits.WIRE_MAX_BYTES
"""Of one answer: two filings of the greatest size, with their attachments, fit."""
_CHUNK = 1 << 18
_ALERT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds.

    Args:
        connect: for the TCP connection and, apart from it, the TLS handshake.
        silence: for each piece of the answer, and for the gateway to take each
            piece of the request.
        total: for the whole answer, once its head has come.
    """

    connect: float = 10
    silence: float = 120
    total: float = 600


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer with its body, as zeep reads it."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)
    encoding: str | None = "utf-8"


def tls_session(context: ssl.SSLContext) -> requests.Session:
    """Return a session for https only, with the identity and trust of a context."""
    session = requests.Session()
    session.trust_env = False
    session.adapters.clear()
    session.mount("https://", _TlsAdapter(context))
    session.headers.update(
        {"User-Agent": f"digipoort-wus/{digipoort_wus.__version__}", "Accept-Encoding": "identity"}
    )
    return session


class DigipoortTransport(zeep.Transport):
    """zeep transport that reads at most so much, follows no redirect and logs no content.

    Args:
        identity: the client certificate.
        trust: whom to believe.
        timeouts: how long to wait.
        max_bytes: of one answer.
    """

    def __init__(
        self,
        identity: Identity,
        trust: TrustStore,
        timeouts: Timeouts | None = None,
        max_bytes: int = ANSWER_MAX_BYTES,
    ) -> None:
        self._context = tls_context(identity, trust)
        session = tls_session(self._context)
        agent = session.headers["User-Agent"]
        super().__init__(session=session)  # type: ignore[no-untyped-call]
        # zeep puts its own name there, and serves file: URLs to whoever names one.
        session.headers["User-Agent"] = agent
        session.adapters.pop("file://", None)
        self._timeouts = timeouts or Timeouts()
        self._max_bytes = max_bytes

    def post(self, address: str, message: bytes, headers: Mapping[str, str]) -> HttpAnswer:
        """Send a request and read its answer.

        Raises:
            ConnectionFailed: there was no answer, or none that is SOAP.
            ConfigurationError: the address has a user name in it.
        """
        require_no_user(address)
        timeout = (self._timeouts.connect, self._timeouts.silence)
        try:
            response = self.session.post(
                address,
                data=message,
                headers=dict(headers),
                timeout=timeout,
                stream=True,
                allow_redirects=False,
            )
            with closing(response):
                content = self._read(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._failure(error, address) from error
        answer = HttpAnswer(response.status_code, response.headers, content)
        failure = not_soap(answer.status_code, answer.headers, address)
        if failure is not None:
            raise failure
        if not content:
            # An answer that breaks off in its head looks like this.
            raise ConnectionFailed(
                "The answer of the gateway is empty: try again.",
                temporary=True,
                may_have_arrived=True,
            )
        return answer

    def close(self) -> None:
        """Close the connections."""
        self.session.close()

    def _failure(self, error: Exception, address: str) -> ConnectionFailed:
        if was_closed(error):
            alert = _alert_of(self._context, address)
            if alert is not None:
                return connection_failed(alert, address)
        return connection_failed(error, address)

    def _read(self, response: requests.Response) -> bytes:
        deadline = monotonic() + self._timeouts.total
        octets = bytearray()
        # read1 returns what has come: a gateway that drips must meet the deadline too.
        while chunk := response.raw.read1(_CHUNK):
            octets += chunk
            if len(octets) > self._max_bytes:
                raise ConnectionFailed(
                    f"The answer is larger than {self._max_bytes} bytes and was not read: "
                    "ask for less, one kenmerk or a shorter period.",
                    temporary=False,
                )
            if monotonic() > deadline:
                raise ConnectionFailed(
                    f"The answer was not complete after {self._timeouts.total:.0f} s: "
                    "try again later.",
                    temporary=True,
                )
        return bytes(octets)


def _alert_of(context: ssl.SSLContext, address: str) -> ssl.SSLError | None:
    """Connect once more, only to hear which alert follows the handshake, if any."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        with (
            socket.create_connection((host, parts.port or 443), _ALERT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as tls,
        ):
            tls.recv(1)
    except ssl.SSLError as error:
        return error
    except OSError:
        return None
    return None


class _TlsAdapter(HTTPAdapter):
    """HTTPAdapter whose connections use one SSLContext, and no other trust."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: object, **options: object) -> None:
        super().init_poolmanager(*args, **options, ssl_context=self._context)  # type: ignore[arg-type]

    def cert_verify(self, *_args: object, **_options: object) -> None:
        # The inherited one would load the public CA bundle into our context.
        return
