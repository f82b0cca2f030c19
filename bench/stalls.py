"""What others notice of large requests, and what slow and hostile clients cost.

The gateway has the first core for itself, everybody else the last. How late its reactor
was is measured inside of it; how long an answer took, by a client that asks for the WSDL
again and again over one connection.
"""

import http.client
import json
import os
import re
import ssl
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.local import request
from bench.measure import progress, settled, use_of
from bench.wire import ROOT
from digipoort_wus.names import AANLEVER, OPHAAL
from digipoort_wus.pki.testpki import TestPki, write_pki
from tests.messages import envelope, query_body, signed

_LARGE = 20_971_520
STALLS = ("meanwhile", "reactor late ms: median", "p99", "max", "ping ms: median", "p99", "max")
MEMORY = ("clients", "answered 503", "MB above idle", "a filing meanwhile, ms")


@dataclass(frozen=True, slots=True)
class Served:
    """A gateway process of :mod:`bench.served`."""

    process: "subprocess.Popen[str]"
    directory: Path
    port: int

    def ask(self, *words: object) -> list[str]:
        """Give it a command and return its answer."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the gateway has no pipes")
        print(*words, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().split()

    def connection(self) -> http.client.HTTPSConnection:
        """Return a connection of vendor-a's, not yet made."""
        context = ssl.create_default_context(cafile=str(self.directory / "ca.pem"))
        context.load_cert_chain(self.directory / "vendor-a.pem", self.directory / "vendor-a.key")
        return http.client.HTTPSConnection("localhost", self.port, context=context, timeout=120)


def stall_rows(pki: TestPki, scratch: Path, *, seconds: float) -> Iterator[tuple[str, ...]]:
    """Give a row for the idle gateway, and for each kind of large exchange.

    Args:
        seconds: about how long each lasts.
    """
    with served(pki, scratch / "stalls") as gateway:
        kenmerk = _file(pki, gateway)
        gateway.ask("offer", kenmerk, _LARGE)
        settled(gateway.process.pid)
        number = max(2, int(seconds))
        filings = [request(pki, b"<x>" + b"a" * (_LARGE - 7) + b"</x>") for _ in range(number)]
        tagged = [request(pki, _xbrl(_LARGE)) for _ in range(number)]
        fetches = [_fetch(pki, kenmerk) for _ in range(2 * number)]
        yield _stalls(gateway, "nothing", lambda: time.sleep(seconds))
        yield _stalls(
            gateway,
            "10 kB filings, 4 at a time",
            _loads(
                gateway, AANLEVER.paths[0], [request(pki, b"a" * 10_000) for _ in range(300)], 4
            ),
        )
        yield _stalls(
            gateway,
            "20 MiB filings, 2 at a time",
            _loads(gateway, AANLEVER.paths[0], filings, 2),
        )
        settled(gateway.process.pid)
        yield _stalls(
            gateway,
            "20 MiB XBRL filings of 600,000 tags, 2 at a time",
            _loads(gateway, AANLEVER.paths[0], tagged, 2),
        )
        settled(gateway.process.pid)
        yield _stalls(
            gateway,
            "20 MiB messages fetched, 2 at a time",
            _loads(gateway, OPHAAL.paths[0], fetches, 2),
        )


def memory_rows(pki: TestPki, scratch: Path) -> Iterator[tuple[str, ...]]:
    """Give a row for each crowd of clients that half-send their bodies."""
    for clients, octets, addresses in ((100, 40_000_000, 1), (200, 40_000_000, 8)):
        progress(f"{clients} clients half-send {octets // 1_000_000} MB")
        with served(pki, scratch / f"half-{clients}") as gateway:
            _file(pki, gateway)
            idle = settled(gateway.process.pid).resident
            arguments = (gateway.port, AANLEVER.paths[0], gateway.directory)
            command = (*arguments, clients, octets, addresses)
            with _on_last_core("bench.half", *command) as half:
                if half.stdout is None or half.stdin is None:
                    raise RuntimeError("the clients have no pipes")
                _, answered, _ = half.stdout.readline().split()
                started = time.perf_counter()
                _file(pki, gateway)
                filed = (time.perf_counter() - started) * 1000
                peak = use_of(gateway.process.pid).peak
                half.stdin.write("\n")
            yield (
                f"{clients} from {addresses} {'address' if addresses == 1 else 'addresses'}",
                answered,
                f"{(peak - idle) / 1e6:.0f}",
                f"{filed:.0f}",
            )


@contextmanager
def served(pki: TestPki, directory: Path) -> Iterator[Served]:
    """Run a gateway on the first core."""
    write_pki(pki, directory)
    with subprocess.Popen(
        [sys.executable, "-m", "bench.served", str(directory)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
    ) as process:
        try:
            if process.stdout is None or not (line := process.stdout.readline().split()):
                raise RuntimeError("the gateway did not start")
            yield Served(process, directory, int(line[1].split("/")[2].partition(":")[2]))
        finally:
            process.terminate()


def _stalls(gateway: Served, name: str, load: Callable[[], object]) -> tuple[str, ...]:
    """Measure while a load runs."""
    progress(name)
    pings: list[float] = []
    stop = threading.Event()
    pinging = threading.Thread(target=_ping, args=(gateway, pings, stop))
    pinging.start()
    time.sleep(0.5)
    gateway.ask("late")
    pings.clear()
    load()
    late = gateway.ask("late")
    stop.set()
    pinging.join()
    ping = _median_p99_max(pings)
    return (name, *late, *(f"{value * 1000:.2f}" for value in ping))


def _ping(gateway: Served, pings: list[float], stop: threading.Event) -> None:
    connection = gateway.connection()
    while not stop.is_set():
        started = time.perf_counter()
        connection.request("GET", f"{AANLEVER.paths[0]}?xsd")
        connection.getresponse().read()
        pings.append(time.perf_counter() - started)
        time.sleep(0.005)
    connection.close()


def _median_p99_max(values: Sequence[float]) -> tuple[float, float, float]:
    ordered = sorted(values)
    return statistics.median(ordered), ordered[int(len(ordered) * 0.99)], ordered[-1]


def _loads(gateway: Served, path: str, bodies: list[bytes], together: int) -> Callable[[], None]:
    """Return what sends these bodies from a process of its own, on the last core."""

    def send() -> None:
        folder = gateway.directory / f"load-{time.monotonic_ns()}"
        folder.mkdir()
        for number, body in enumerate(bodies):
            (folder / f"{number:06d}.xml").write_bytes(body)
        arguments = ("localhost", gateway.port, path, gateway.directory, together, folder)
        with _on_last_core("bench.load", *arguments) as load:
            if load.stdout is None or load.stdin is None:
                raise RuntimeError("the load generator has no pipes")
            load.stdout.readline()
            gateway.ask("late")
            load.stdin.write("go\n")
            load.stdin.flush()
            outcome = json.loads(load.stdout.readline())
        if outcome["ok"] != outcome["requests"]:
            raise RuntimeError(f"{outcome['requests'] - outcome['ok']} were not answered")

    return send


def _on_last_core(module: str, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {max(os.sched_getaffinity(0))}),
    )


def _file(pki: TestPki, gateway: Served) -> str:
    """File something small and return its kenmerk."""
    connection = gateway.connection()
    headers = {"Content-Type": "text/xml"}
    connection.request("POST", AANLEVER.paths[0], request(pki, b"<x/>"), headers)
    answer = connection.getresponse().read()
    connection.close()
    found = re.search(rb"kenmerk>([^<]+)<", answer)
    if found is None:
        raise RuntimeError("the filing was not accepted")
    return found[1].decode("ascii")


def _xbrl(octets: int) -> bytes:
    """Return an instance of about so many octets, with a fact for every seventy."""
    begin = (
        b"<xbrli:xbrl xmlns:xbrli='http://www.xbrl.org/2003/instance' xmlns:b='urn:b'>"
        b"<xbrli:context id='c'><xbrli:entity><xbrli:identifier scheme='s'>001000044B37"
        b"</xbrli:identifier></xbrli:entity></xbrli:context>"
    )
    fact = b"<b:Fact contextRef='c' unitRef='EUR' decimals='INF'>1234567</b:Fact>\n"
    return begin + fact * ((octets - 1_000) // len(fact)) + b"</xbrli:xbrl>\n"


def _fetch(pki: TestPki, kenmerk: str) -> bytes:
    name = "getBerichtenKenmerk"
    root = envelope(query_body(name, kenmerk), name=name)
    return signed(pki.identities["vendor-a"], root, created=datetime.now(UTC))
