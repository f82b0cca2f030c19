"""CRLs from the network: fetched, verified, kept in a directory, and put in force.

Over plain http, as everywhere: the signature of the CA is what counts. Which hosts
are asked is for the operator to say; no certificate of a stranger names one.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from queue import Empty, SimpleQueue
from random import SystemRandom
from socket import SHUT_RDWR, socket
from tempfile import mkstemp
from urllib.parse import urlsplit, urlunsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.logger import Logger

import digipoort_wus
from digipoort_wus import limits
from digipoort_wus.clock import Clock
from digipoort_wus.errors import DigipoortError, Refusal
from digipoort_wus.pki.distribution import (
    at_hosts,
    check_successor,
    distribution_points,
    file_name_of,
    read_crl,
)
from digipoort_wus.server.expiry import name_of
from digipoort_wus.server.trust import Materials

_log = Logger(namespace="digipoort_wus")
_SILENCE_SECONDS = 10
_SOONEST_SECONDS = 60
_RETRY_SECONDS = 300
_STOP_SECONDS = 2


class CrlUnavailable(DigipoortError):
    """A CRL could not be fetched or kept; the one at hand stays in force."""


@dataclass(frozen=True, slots=True)
class CrlSources:
    """Where CRLs may be fetched.

    Args:
        hosts: ``host:port`` at which distribution points are followed, those of the known
            CA certificates and of the gateway's own.
        urls: others, such as those of the CAs that issue the certificates of clients.
        proxy: ``http://host:port`` to ask instead of the hosts themselves; none when empty.
    """

    hosts: frozenset[str] = frozenset()
    urls: tuple[str, ...] = ()
    proxy: str = ""

    def urls_for(self, materials: Materials) -> tuple[str, ...]:
        """Return every URL to fetch, each once."""
        own = (materials.tls.certificate, materials.signing.certificate)
        points = distribution_points((*materials.every_authority, *own))
        return tuple(dict.fromkeys((*self.urls, *at_hosts(points, self.hosts))))


@dataclass(frozen=True, slots=True)
class Pace:
    """How often lists are fetched, in seconds; a random tenth is taken off each pause."""

    longest: float = limits.CRL_REFRESH_SECONDS
    soonest: float = _SOONEST_SECONDS
    retry: float = _RETRY_SECONDS

    def after(self, crl: x509.CertificateRevocationList | None, at: datetime) -> float:
        """Return the pause after a list came, or after none came."""
        if crl is None or crl.next_update_utc is None:
            return self.retry
        half = (crl.next_update_utc - at).total_seconds() / 2
        return min(self.longest, max(self.soonest, half))


class CrlFetch:
    """Fetches one list at a time, within a size and a deadline; :meth:`abandon` ends it early.

    Args:
        proxy: ``http://host:port`` to ask instead of the host itself; none when empty.
        deadline: seconds from the connection to the last octet.
    """

    def __init__(self, proxy: str = "", deadline: float = limits.CRL_DEADLINE_SECONDS) -> None:
        self._proxy = proxy
        self._deadline = deadline
        self._socket: socket | None = None
        self._abandoned = False

    def __call__(self, url: str) -> bytes:
        """Return the octets at a URL; no redirect is followed, the environment has no say.

        Raises:
            CrlUnavailable: there was no answer, another one, or one that is too large or slow.
        """
        reached = urlsplit(self._proxy or url)
        connection = HTTPConnection(
            reached.hostname or "", reached.port or 80, timeout=_SILENCE_SECONDS
        )
        ends = time.monotonic() + self._deadline
        # A timeout of the socket counts from each octet anew; this one does not.
        timer = threading.Timer(self._deadline, self._break_off)
        timer.daemon = True
        try:
            connection.connect()
            # http.client lets go of it before the body is read.
            self._socket = connection.sock
            timer.start()
            self._go_on(url)
            connection.request("GET", self._target(url), headers=_headers(url))
            with connection.getresponse() as response:
                octets = _body(url, response)
            # Without a length, what was broken off looks complete.
            self._go_on(url)
            if time.monotonic() >= ends:
                raise TimeoutError
            return octets
        except (OSError, HTTPException, ValueError) as error:
            late = time.monotonic() >= ends
            reason = f"nothing complete within {self._deadline:g} s" if late else _reason(error)
            raise CrlUnavailable(f"{url} gave no CRL: {reason}.") from error
        finally:
            timer.cancel()
            self._socket = None
            connection.close()

    def abandon(self) -> None:
        """Break off what is under way, and begin nothing new; from another thread."""
        self._abandoned = True
        self._break_off()

    def _go_on(self, url: str) -> None:
        if self._abandoned:
            raise CrlUnavailable(f"{url} was not fetched: the gateway stops.")

    def _target(self, url: str) -> str:
        parts = urlsplit(url)
        return url if self._proxy else urlunsplit(("", "", parts.path or "/", parts.query, ""))

    def _break_off(self) -> None:
        taken = self._socket
        if taken is not None:
            with suppress(OSError):
                taken.shutdown(SHUT_RDWR)


class CrlRefresh:
    """The thread that keeps the CRLs of every known CA current.

    Args:
        sources: where to fetch.
        directory: where lists are kept, as the gateway loads them.
        materials: returns those in force.
        changed: called when another list lies in the directory.
        clock: judges whether a list is current.
        pace: how often.
        fetch: gets the octets at a URL.
    """

    def __init__(
        self,
        sources: CrlSources,
        directory: Path,
        *,
        materials: Callable[[], Materials],
        changed: Callable[[], object],
        clock: Clock,
        pace: Pace | None = None,
        fetch: CrlFetch | None = None,
    ) -> None:
        self._sources = sources
        self._directory = directory
        self._materials = materials
        self._changed = changed
        self._clock = clock
        self._pace = pace or Pace()
        self._fetch = fetch or CrlFetch(sources.proxy)
        self._random = SystemRandom()
        self._issuers: dict[str, x509.Certificate] = {}
        self._tried = False
        # True fetches everything now, False what is new; both wake the thread.
        self._wanted: SimpleQueue[bool] = SimpleQueue()
        self._stopping = False
        self._thread = threading.Thread(target=self._loop, name="crl-refresh", daemon=True)

    @property
    def confirmed(self) -> frozenset[x509.Certificate]:
        """Return the CAs whose newest list was fetched at the last attempt.

        Before the first attempt nothing is known against any of them.
        """
        if not self._tried:
            return frozenset(self._materials().every_authority)
        return frozenset(tuple(self._issuers.values()))

    def start(self) -> None:
        """Start the thread, which fetches everything at once; once only."""
        self._thread.start()

    def soon(self) -> None:
        """Fetch everything now; from any thread."""
        self._wanted.put(True)

    def look_again(self) -> None:
        """Fetch what other materials name that those before did not; from any thread."""
        self._wanted.put(False)

    def stop(self) -> None:
        """End the thread; what is being fetched is left."""
        self._stopping = True
        self._wanted.put(False)
        self._fetch.abandon()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def _loop(self) -> None:
        due: dict[str, float] = {}
        while not self._stopping:
            urls = self._sources.urls_for(self._materials())
            now = time.monotonic()
            renewed = False
            for url in urls:
                if due.get(url, now) <= now and not self._stopping:
                    crl, fresh = self._refresh(url)
                    renewed = renewed or fresh
                    pause = self._pace.after(crl, self._clock())
                    due[url] = time.monotonic() + pause * self._random.uniform(0.9, 1)
            self._tried = True
            if renewed:
                self._tell()
            ends = min((due[url] for url in urls if url in due), default=now + self._pace.longest)
            try:
                if self._wanted.get(timeout=max(0.0, ends - time.monotonic())):
                    due.clear()
            except Empty:
                continue

    def _tell(self) -> None:
        try:
            self._changed()
        except Exception:
            # Without this thread every list would end in time, and with it everybody's access.
            _log.failure("a CRL that was fetched could not be loaded")

    def _refresh(self, url: str) -> tuple[x509.CertificateRevocationList | None, bool]:
        """Return the list at a URL, None when it cannot be used, and whether it was kept anew."""
        materials = self._materials()
        try:
            crl = read_crl(self._fetch(url))
            issuer = check_successor(crl, materials.every_authority, materials.index, self._clock())
            fresh = crl not in materials.crls and not self._stopping
            if fresh:
                keep_crl(self._directory, file_name_of(issuer), crl)
                _log.info("the CRL of {name} was fetched", name=name_of(issuer))
        except (CrlUnavailable, Refusal) as error:
            if not self._stopping:
                _log.warn("{url}: {error}", url=url, error=str(error))
        except Exception:
            _log.failure("the CRL at {url} could not be refreshed", url=url)
        else:
            self._issuers[url] = issuer
            return crl, fresh
        self._issuers.pop(url, None)
        return None, False


def keep_crl(directory: Path, name: str, crl: x509.CertificateRevocationList) -> None:
    """Write a CRL to a directory, so that nobody ever finds half of it.

    Raises:
        CrlUnavailable: it cannot be written there.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor, draft = mkstemp(prefix=".", suffix=".tmp", dir=directory)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(crl.public_bytes(Encoding.DER))
                file.flush()
                os.fsync(file.fileno())
            Path(draft).chmod(0o644)
            Path(draft).replace(directory / name)
        finally:
            Path(draft).unlink(missing_ok=True)
    except OSError as error:
        raise CrlUnavailable(
            f"{directory} cannot take a CRL ({error.strerror}): let the gateway write there."
        ) from error


def _headers(url: str) -> dict[str, str]:
    return {
        "Host": urlsplit(url).netloc,
        "Accept-Encoding": "identity",
        "User-Agent": f"digipoort-wus/{digipoort_wus.__version__}",
        "Connection": "close",
    }


def _body(url: str, response: HTTPResponse) -> bytes:
    if response.status != 200:
        raise CrlUnavailable(f"{url} answered {response.status}, not 200 with a CRL.")
    octets = response.read(limits.CRL_MAX_BYTES + 1)
    if len(octets) > limits.CRL_MAX_BYTES:
        raise CrlUnavailable(f"{url} gave more than {limits.CRL_MAX_BYTES} bytes.")
    if response.length:
        raise HTTPException(f"the answer broke off {response.length} bytes before its end")
    return octets


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
