"""Health checks and metrics over plain HTTP, on an address of their own: loopback as a rule.

``/healthz``: the process lives and turns. ``/readyz``: it can take filings. ``/metrics``: for
Prometheus. Nothing can be changed here, and nobody's messages are told of.
"""

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from ipaddress import ip_address
from typing import cast

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from digipoort_wus import checks
from digipoort_wus.config_addresses import is_loopback
from digipoort_wus.errors import Refusal
from digipoort_wus.server.budget import Budget
from digipoort_wus.server.channel import BoundedChannel
from digipoort_wus.server.futures import to_deferred
from digipoort_wus.server.http import Head, HttpAnswer, http_refusal
from digipoort_wus.server.incoming import head_of
from digipoort_wus.server.outgoing import write_answer
from digipoort_wus.server.reactor import Reactor
from digipoort_wus.server.readiness import Findings, Readiness
from digipoort_wus.server.site import BoundedSite
from digipoort_wus.server.workers import Workers

HEALTH, READINESS, METRICS = "/healthz", "/readyz", "/metrics"
_BODIES_MAX = 65_536
"""Nobody has to send one here."""
LOOPBACK = "127.0.0.1"
_PORT = re.compile(r"(?<![:\[]):[0-9]{0,5}$|(?<=\]):[0-9]{0,5}$")
_CONNECTIONS_MAX = 50

_log = Logger(namespace="digipoort_wus")


class AdminResource(Resource):
    """Answers who watches over the gateway.

    Args:
        health: returns what is found of the process.
        readiness: looks whether filings can be taken.
        registry: of the metrics.
        reactor: the gateway's.
        workers: threads in which metrics are collected, which may wait for the store.
        host: the address that is listened on.
    """

    isLeaf = True  # noqa: N815 - Twisted's interface

    def __init__(
        self,
        health: Callable[[], Findings],
        readiness: Readiness,
        registry: CollectorRegistry,
        *,
        reactor: Reactor,
        workers: Workers,
        host: str = LOOPBACK,
    ) -> None:
        super().__init__()
        self._host = host
        self._health = health
        self._readiness = readiness
        self._registry = registry
        self._reactor = reactor
        self._workers = workers

    def render(self, request: Request) -> int:
        """Answer one request, now or when everything was looked at."""
        head = head_of(request)
        try:
            self.judge(head)
        except Refusal as refusal:
            write_answer(request, http_refusal(refusal))
            return NOT_DONE_YET
        answered = self._answer(head.path)
        answered.addCallback(lambda answer: write_answer(request, answer))
        answered.addErrback(_failed, request)
        return NOT_DONE_YET

    def judge(self, head: Head) -> None:
        """Judge a request by its head.

        Raises:
            Refusal: HTTP-HOST, HTTP-METHOD or HTTP-PATH.
        """
        # Beyond this machine whoever may connect may read, under whatever name.
        if is_loopback(self._host) and "host" in head.headers:
            require_name(head.headers["host"], self._host)
        if head.path not in (HEALTH, READINESS, METRICS):
            raise Refusal(checks.HTTP_PATH, expected=", ".join((HEALTH, READINESS, METRICS)))
        if head.method not in ("GET", "HEAD"):
            raise Refusal(checks.HTTP_METHOD, expected="GET", received=head.method)

    def _answer(self, path: str) -> "Deferred[HttpAnswer]":
        if path == HEALTH:
            return succeed(_told(self._health()))
        if path == READINESS:
            return self._readiness.look().addCallback(_told)
        collected = self._workers.submit(lambda: generate_latest(self._registry))
        return to_deferred(collected, self._reactor).addCallback(
            lambda octets: HttpAnswer(200, octets, CONTENT_TYPE_LATEST)
        )


class AdminSite(BoundedSite):
    """The site to listen with: bounded as the gateway's own, and more."""

    def __init__(self, resource: AdminResource, reactor: Reactor) -> None:
        super().__init__(resource, reactor, resource.judge, Budget(_BODIES_MAX))

    def buildProtocol(  # type: ignore[override]  # noqa: N802 - Twisted's interface
        self, addr: IAddress
    ) -> BoundedChannel | None:
        """Return the protocol of a new connection, None when there are too many."""
        if len(self.channels) >= _CONNECTIONS_MAX:
            return None
        return cast(BoundedChannel, super().buildProtocol(addr))


def require_name(host: str, listening: str) -> None:
    """Refuse a name that only somebody else's DNS can have led here.

    Args:
        host: the header Host.
        listening: the address that is listened on, of loopback.

    Raises:
        Refusal: HTTP-HOST.

    A page in a browser of this machine can have its own name resolved to 127.0.0.1, and would
    then be allowed to read what is answered (DNS rebinding). It cannot choose another Host.
    """
    name = host.rpartition(":")[0] if _PORT.search(host) else host
    name = name.strip("[]").lower().removesuffix(".")
    if name in ("localhost", listening.lower()):
        return
    try:
        ip_address(name)
    except ValueError:
        raise Refusal(
            checks.HTTP_HOST, expected="localhost or an address", received="another name"
        ) from None


def _told(findings: Findings) -> HttpAnswer:
    """Return 200 when everything is well, 503 when something is not; a line of JSON for each."""
    body = "".join(f"{json.dumps(asdict(finding))}\n" for finding in findings)
    status = 200 if all(finding.ok for finding in findings) else 503
    return HttpAnswer(status, body.encode(), "application/x-ndjson", {"Cache-Control": "no-store"})


def _failed(failure: Failure, request: Request) -> None:
    _log.failure("a question of the operator could not be answered", failure=failure)
    write_answer(request, HttpAnswer(500, b"see the log\n", "text/plain; charset=utf-8"))
