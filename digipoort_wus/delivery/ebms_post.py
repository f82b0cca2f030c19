"""Posts packages of ebMS to other message handlers, over mutual TLS; for any thread."""

import ssl
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from urllib.parse import urlsplit

from cryptography import x509

import digipoort_wus
from digipoort_wus import limits
from digipoort_wus.client.address import require_no_user
from digipoort_wus.client.tls import tls_context
from digipoort_wus.clock import Clock, system_clock
from digipoort_wus.delivery.connection import Connections, Timeouts
from digipoort_wus.delivery.connection import NoAnswer as NoConnection
from digipoort_wus.delivery.exchange import Credentials
from digipoort_wus.ebms.names import SIGNALS
from digipoort_wus.ebms.packaging import WrittenPackage
from digipoort_wus.ebms.partners import Partner, require_peer
from digipoort_wus.ebms.terms import Agreed, Terms
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.filing.content import Content, open_content, size_of
from digipoort_wus.messaging.posting import HttpReply, NoAnswer
from digipoort_wus.pki.chain import CachingVerifier
from digipoort_wus.pki.profiles import Role

_PIECE = 262_144
_KNOWN_MAX = 64
"""Addresses that connections are kept for; others are connected to anew."""
Told = Callable[[str, float], object]
"""Is told of each attempt: the class of its HTTP status, such as ``2xx``, or ``none``; seconds."""


def tell_nobody(_outcome: str, _seconds: float) -> None:
    """Do nothing: nobody counts."""


@dataclass(frozen=True, slots=True)
class _Trusted:
    """What was made of credentials once, for many posts."""

    credentials: Credentials
    context: ssl.SSLContext
    verifier: CachingVerifier

    @classmethod
    def of(cls, credentials: Credentials) -> "_Trusted":
        context = tls_context(credentials.tls, credentials.trust)
        return cls(credentials, context, CachingVerifier(credentials.trust))


class EbmsPost:
    """Posts; a :class:`~digipoort_wus.messaging.posting.Post`.

    Args:
        credentials: returns those in force; asked at each post.
        clock: the time of judging certificates.
        timeouts: how long to wait.
        told: counts.
    """

    def __init__(
        self,
        credentials: Callable[[], Credentials],
        *,
        clock: Clock = system_clock,
        timeouts: Timeouts | None = None,
        told: Told = tell_nobody,
    ) -> None:
        self._credentials = credentials
        self._clock = clock
        self._timeouts = timeouts or Timeouts()
        self._told = told
        self._trusted: _Trusted | None = None
        self._known: OrderedDict[str, Connections] = OrderedDict()
        self._lock = Lock()

    def __call__(
        self, url: str, package: WrittenPackage, partner: Partner, terms: Terms
    ) -> HttpReply:
        """Post a package, and return what was answered.

        Who is at the other end is judged before the first octet leaves: by our trust, and by the
        OINs of the receiver, of the certificates that the CPA names for it, or of the peers that
        the operator names.

        Raises:
            NoAnswer: nothing came back, and it may have arrived.
        """
        began, outcome = monotonic(), "none"
        try:
            reply = self._posted(url, package, partner, terms)
            outcome = f"{reply.status // 100}xx"
        finally:
            self._told(outcome, monotonic() - began)
        return reply

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            while self._known:
                self._known.popitem()[1].close()

    def _posted(
        self, url: str, package: WrittenPackage, partner: Partner, terms: Terms
    ) -> HttpReply:
        try:
            _require_url(url)
            trusted = self._in_force()
        except ConfigurationError as error:
            # Of a CPA, or of our own files: another attempt may find them corrected.
            raise NoAnswer(str(error)) from error
        shown: list[x509.Certificate] = []

        def judge(certificate: x509.Certificate) -> None:
            trusted.verifier(certificate, (), Role.TLS_SERVER, self._clock())
            require_peer(certificate, terms.receiver.ids, partner, terms.receiver_tls)
            shown.append(certificate)

        try:
            reply = self._connections(url).post(
                trusted.context,
                judge,
                {
                    "User-Agent": f"digipoort-wus/{digipoort_wus.__version__}",
                    "Content-Type": package.content_type,
                    "SOAPAction": '"ebXML"',
                    "Accept-Encoding": "identity",
                    "Content-Length": str(size_of(package.content)),
                },
                lambda: _pieces(package.content),
                once=_is_delivered_each_time(terms),
            )
        except NoConnection as error:
            raise NoAnswer(str(error)) from error
        except Refusal as refusal:
            raise NoAnswer(f"the server is not believed: {refusal}") from refusal
        return HttpReply(reply.status, reply.content_type, reply.body, shown[-1])

    def _in_force(self) -> _Trusted:
        credentials = self._credentials()
        trusted = self._trusted
        if trusted is None or trusted.credentials is not credentials:
            trusted = self._trusted = _Trusted.of(credentials)
        return trusted

    def _connections(self, url: str) -> Connections:
        with self._lock:
            known = self._known.pop(url, None)
            if known is None:
                known = Connections(url, self._timeouts, answer_max=limits.EBMS_ANSWER_MAX_BYTES)
            self._known[url] = known
            if len(self._known) > _KNOWN_MAX:
                self._known.popitem(last=False)[1].close()
            return known


def _require_url(url: str) -> None:
    """Require https and a host; a query is the partner's own affair."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "https" and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise ConfigurationError("the URL of the agreement is no https URL")
    require_no_user(url)


def _is_delivered_each_time(terms: Terms) -> bool:
    """Return whether a message would be delivered as often as it arrives, as best effort is."""
    return terms.duplicate_elimination is Agreed.NEVER and terms.service.value != SIGNALS


def _pieces(content: Content) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with open_content(content) as octets:
        while piece := octets.read(_PIECE):
            yield piece
