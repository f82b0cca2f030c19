"""How long each step of a 20 MiB filing lets other threads wait: who holds the interpreter.

While one thread does a step, another asks for its turn every half millisecond and notes how
late it comes. What is noted is an upper bound: on a busy machine it has other causes as well.
"""

import hashlib
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lxml import etree

from bench.local import request
from bench.measure import progress
from digipoort_wus.clock import system_clock
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.server.contents import take_contents
from digipoort_wus.server.memory import give_back_large_blocks
from digipoort_wus.server.received import Received, read_message
from digipoort_wus.server.workers import take_short_turns
from digipoort_wus.store.files import PayloadFiles
from digipoort_wus.wss.policy import SUITE_SHA256
from digipoort_wus.wss.sign import signed_answer
from digipoort_wus.xmlsafe.lookover import look_over
from digipoort_wus.xmlsafe.parse import parse_message
from digipoort_wus.xmlsafe.splice import LargeTexts

HEADER = ("step of 20 MiB", "ms", "others wait ms: median", "max")
_LARGE = 20_971_520
_TICK = 0.0005


@dataclass(frozen=True, slots=True)
class _Step:
    """One step: what makes its input, outside of the measurement, and what is measured."""

    name: str
    prepare: Callable[[], Callable[[], object]]


def hold_rows(pki: TestPki, scratch: Path, *, rounds: int) -> Iterator[tuple[str, ...]]:
    """Give a row for each step.

    Args:
        rounds: how often each is done.
    """
    give_back_large_blocks()
    take_short_turns()
    watch = _Watch()
    watch.start()
    for step in _steps(pki, scratch):
        progress(step.name)
        taken, late = [], []
        for _ in range(rounds):
            work = step.prepare()
            spent, waited = watch.during(work)
            taken.append(spent * 1000)
            late.append(waited * 1000)
        yield (
            step.name,
            *(f"{value:.1f}" for value in (min(taken), statistics.median(late), max(late))),
        )
    watch.stop()


def _steps(pki: TestPki, scratch: Path) -> Iterator[_Step]:
    content = b"<x>" + b"a" * (_LARGE - 7) + b"</x>"
    wire = request(pki, content)
    files, key = PayloadFiles(scratch / "payloads"), bytes(32)

    def received() -> Received:
        return Received(look_over(wire), len(wire))

    def digest() -> Callable[[], object]:
        envelope, texts = read_message(received())
        return lambda: _digest(texts.octets(envelope.body))

    def take() -> Callable[[], object]:
        envelope, texts = read_message(received())
        return lambda: take_contents(envelope.body_child, texts)

    def keep() -> Callable[[], object]:
        return lambda: files.keep(content, key)

    def load() -> Callable[[], object]:
        kept = files.keep(content, key)
        return lambda: files.open(kept.sha256, kept.size, key).read()

    def sign() -> Callable[[], object]:
        element = etree.fromstring("<r><inhoud/></r>")
        texts = LargeTexts(None)
        texts.put(element[0], content)
        return lambda: signed_answer(
            (("To", "urn:x"),),
            element,
            identity=pki.identities["gateway-signing"],
            suite=SUITE_SHA256,
            created=system_clock(),
            texts=texts,
        )

    yield _Step("nothing", lambda: lambda: time.sleep(0.05))
    yield _Step("look over", lambda: lambda: look_over(wire))
    yield _Step("parse as it came, for comparison", lambda: lambda: parse_message(wire))
    yield _Step("parse without contents, decode", lambda: partial(read_message, received()))
    yield _Step("digest the Body", digest)
    yield _Step("take the contents", take)
    yield _Step("seal and keep the payload", keep)
    yield _Step("read the payload", load)
    yield _Step("sign an answer with it", sign)


def _digest(pieces: Iterable[bytes]) -> bytes:
    running = hashlib.sha256()
    for piece in pieces:
        running.update(piece)
    return running.digest()


class _Watch:
    """A thread that notes how late its turns come."""

    def __init__(self) -> None:
        self._latest = 0.0
        self._stopped = False
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._thread.join()

    def during(self, work: Callable[[], object]) -> tuple[float, float]:
        """Return the seconds that a work took, and the longest wait meanwhile."""
        spent: list[float] = []

        def timed() -> None:
            started = time.perf_counter()
            work()
            spent.append(time.perf_counter() - started)

        thread = threading.Thread(target=timed)
        time.sleep(0.01)
        self._latest = 0.0
        thread.start()
        thread.join()
        # The last wait is noted when it is over.
        time.sleep(0.01)
        return spent[0], self._latest

    def _tick(self) -> None:
        while not self._stopped:
            due = time.perf_counter() + _TICK
            time.sleep(_TICK)
            self._latest = max(self._latest, time.perf_counter() - due)
