"""A gateway inside a test: on a free port, with its own data, certificates and clock."""

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import cast

from digipoort_wus.client.digipoort import DigipoortClient, Endpoints
from digipoort_wus.config import Config
from digipoort_wus.errors import DigipoortError
from digipoort_wus.filing.filing import Filing, ReturnMessage
from digipoort_wus.filing.status import Status
from digipoort_wus.gateway import Gateway
from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki, write_pki
from digipoort_wus.pki.testplan import Generation
from digipoort_wus.process.engine import Policies
from digipoort_wus.process.retry import DELIVERY_RETRY
from digipoort_wus.process.scenarios import Deliver, Reply, Scenario, Verdict, sandbox_scenarios
from digipoort_wus.process.validators import RulesRow
from digipoort_wus.rules.api import RuleEngine
from digipoort_wus.testing.clock import TurnableClock
from digipoort_wus.testing.reactor_thread import ReactorThread
from digipoort_wus.wss.policy import SUITE_SHA256, Suite

_POLL_SECONDS = 0.01
# A test turns the clock on purpose: seventy-two hours are over when it says so.
_POLICIES = Policies(delivery=replace(DELIVERY_RETRY, once_more=timedelta()))


class SandboxGateway:
    """A running gateway and everything a test wants of it; made by :func:`sandbox_gateway`.

    Attributes:
        directory: certificates by the names of ``digipoort-wus pki init``, and the data.
        clock: of the gateway and of the clients made here; may be frozen and moved.
    """

    def __init__(self, directory: Path, pki: TestPki, rules: RuleEngine | None) -> None:
        self.directory = directory
        self.clock = TurnableClock()
        self._pki = pki
        self._rules = rules
        self._scenarios = dict(sandbox_scenarios())
        self._received: dict[tuple[str, str], Filing] = {}
        self._clients: list[DigipoortClient] = []
        self._lock = threading.Lock()
        self._gateway: Gateway | None = None
        self._thread: ReactorThread | None = None

    @property
    def gateway(self) -> Gateway:
        """Return the gateway itself, for what this class does not offer."""
        if self._gateway is None:
            raise DigipoortError("The gateway is not running: use it inside the with block.")
        return self._gateway

    @property
    def urls(self) -> tuple[str, ...]:
        """Return the addresses of aanlever, statusinformatie and ophaal."""
        return self.gateway.urls

    @property
    def url(self) -> str:
        """Return the base URL, such as ``https://localhost:40001``."""
        return f"https://localhost:{self.gateway.port}"

    @property
    def received(self) -> tuple[Filing, ...]:
        """Return the accepted filings with their documents, in order of acceptance."""
        with self._lock:
            return tuple(self._received.values())

    def client(self, name: str = "vendor-a", *, suite: Suite = SUITE_SHA256) -> DigipoortClient:
        """Return a client that uses this gateway's clock and one of its identities.

        Args:
            name: such as ``vendor-a`` or ``vendor-b``; in g4 also ``vendor-a-sign``,
                which then connects as ``vendor-a-auth``.
            suite: algorithms of its requests.
        """
        identities = self._pki.identities
        tls_name = name.replace("-sign", "-auth")
        client = DigipoortClient(
            Endpoints(*self.urls),
            identity=identities[name],
            tls_identity=identities[tls_name] if tls_name != name else None,
            trust=self._pki.trust_store(),
            suite=suite,
            clock=self.clock,
        )
        self._clients.append(client)
        return client

    def play(
        self,
        aanleverkenmerk: str,
        *,
        accept: Reply = Reply.NORMAL,
        status: Reply = Reply.NORMAL,
        deliver: Deliver = Deliver.DELIVERED,
        answer: Verdict = Verdict.ACCEPTED,
        delay: timedelta = timedelta(),
    ) -> None:
        """Decide what becomes of filings with this aanleverkenmerk; retries are as in production.

        Args:
            aanleverkenmerk: exact; the names of the conformance test have their outcome already.
            accept: answer of aanleveren.
            status: answer of a status query for its kenmerk.
            deliver: how delivery to the agency goes.
            answer: the agency's verdict.
            delay: of slow answers.
        """
        self._scenarios[aanleverkenmerk] = Scenario(
            aanleverkenmerk, "set by a test", accept, status, deliver, answer, delay
        )

    def statuses(self, kenmerk: str) -> tuple[Status, ...]:
        """Return the statuses of a process so far, in order; nobody's query is counted."""
        return self.gateway.statuses(kenmerk)

    def wait_for(self, kenmerk: str, *codes: str, seconds: float = 10) -> tuple[Status, ...]:
        """Wait until a process has one of these statuses last, and return all of them.

        Args:
            kenmerk: the process.
            codes: such as ``"500"``; without any, until its end.
            seconds: of real time.

        Raises:
            DigipoortError: it did not get there in time; the sentence tells the statuses.
        """
        end = monotonic() + seconds
        while True:
            statuses = self.statuses(kenmerk)
            last = statuses[-1] if statuses else None
            if last and (last.code in codes if codes else last.ending != "open"):
                return statuses
            if monotonic() > end:
                said = ", ".join(status.code for status in statuses) or "none"
                wanted = " or ".join(codes) or "an end"
                raise DigipoortError(f"Waited {seconds} s for {wanted}; the statuses are: {said}.")
            sleep(_POLL_SECONDS)

    def offer(self, message: ReturnMessage) -> None:
        """Put a return message into the mailbox; who filed its kenmerk may fetch it."""
        self.gateway.offer(message).result(10)

    def _start(self, thread: ReactorThread) -> None:
        # In the process of the test: nothing to start, and a debugger sees the rules.
        rules = RulesRow(engine="in-process")
        config = replace(Config(), data_dir=self.directory, port=0, rules=rules)

        def begin() -> Gateway:
            gateway = Gateway(
                config,
                reactor=thread.reactor,
                clock=self.clock,
                rules=self._rules,
                scenarios=self._scenarios,
                policies=_POLICIES,
                on_accepted=self._accepted,
            )
            gateway.listen()
            return gateway

        self._thread = thread
        self._gateway = thread.call(begin)
        self.clock.on_turn = self._gateway.wake

    def _stop(self) -> None:
        for client in self._clients:
            client.close()
        if self._gateway is not None and self._thread is not None:
            stop = cast("Callable[[], None]", self._gateway.stop)
            self._thread.call(stop)

    def _accepted(self, filing: Filing) -> None:
        with self._lock:
            self._received[filing.kenmerk, filing.berichtkenmerk] = filing


@contextmanager
def sandbox_gateway(
    directory: Path | None = None,
    *,
    generation: Generation = "g1",
    rules: RuleEngine | None = None,
) -> Iterator[SandboxGateway]:
    """Run a gateway in threads of this process until the end of the with block.

    Nothing stays behind: no port, thread or file (but for keys of test certificates,
    which are kept in the user's cache directory, because making them takes seconds).

    Args:
        directory: for certificates and data; must be empty or absent. A temporary one,
            which is deleted at the end, when None.
        generation: of the test certificates.
        rules: validates filings; the shipped rule sets do, in this process, when None.
    """
    with ExitStack() as stack:
        if directory is None:
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="digipoort-wus-"))
            directory = Path(scratch) / "gateway"
        sandbox = SandboxGateway(directory, _test_pki(generation, directory), rules)
        thread = stack.enter_context(ReactorThread())
        stack.callback(sandbox._stop)
        sandbox._start(thread)
        yield sandbox


def _test_pki(generation: Generation, directory: Path) -> TestPki:
    """Make new certificates with kept keys: they are for tests, and nobody else trusts them."""
    from digipoort_wus.clock import system_clock

    cache = _cache_directory() / generation
    pki = make_pki(generation, now=system_clock(), key_source=keys_from(cache))
    write_pki(pki, directory)
    if not (cache / "ca.pem").exists():
        # Another process may be quicker; its keys are as good.
        with suppress(DigipoortError, OSError):
            cache.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_pki(pki, cache)
    return pki


def _cache_directory() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "digipoort-wus" / "test-keys"
