"""A verified message passes once, until it is expired; room is bounded, and never made early."""

import threading
from datetime import datetime, timedelta

import pytest

from digipoort_wus import checks
from digipoort_wus.embedding import verify_request
from digipoort_wus.errors import Refusal
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.wss.policy import DIGIPOORT_1_2
from digipoort_wus.wss.replay import ReplayCache
from digipoort_wus.wss.sign import LIFETIME
from digipoort_wus.wss.verify import Verified
from tests.messages import NOW, filing

END = NOW + LIFETIME + DIGIPOORT_1_2.skew
MOMENT = timedelta(milliseconds=1)


def message(pki: TestPki, name: str = "vendor-a", created: datetime = NOW) -> Verified:
    octets = filing(pki.identities[name], created=created)
    return verify_request(octets, trust=pki.trust_store(), now=created)


def refused(cache: ReplayCache, verified: Verified, now: datetime = NOW) -> str:
    with pytest.raises(Refusal) as caught:
        cache.require_new(verified, now)
    return caught.value.check.id


def test_a_message_passes_once_until_its_end(g1: TestPki) -> None:
    cache, first = ReplayCache(), message(g1)
    cache.require_new(first, NOW)
    assert refused(cache, first) == checks.WSS_REPLAY.id
    cache.require_new(message(g1), NOW)
    cache.require_new(message(g1, "vendor-b"), NOW)
    assert refused(cache, first, END) == checks.WSS_REPLAY.id
    assert len(cache) == 3
    cache.require_new(message(g1), END + MOMENT)
    assert len(cache) == 1, "what is expired is refused by its Timestamp, and needs no room"


def test_when_it_is_full_nothing_is_forgotten_early(g1: TestPki) -> None:
    cache = ReplayCache(most=2)
    first, second, third = message(g1), message(g1, created=NOW + 2 * MOMENT), message(g1)
    for verified in (first, second):
        cache.require_new(verified, NOW)
    assert refused(cache, third) == checks.OVERLOAD.id
    assert refused(cache, first) == checks.WSS_REPLAY.id
    assert refused(cache, third, END) == checks.OVERLOAD.id
    cache.require_new(third, END + MOMENT)
    assert refused(cache, second, END + MOMENT) == checks.WSS_REPLAY.id


def test_of_many_threads_one_passes(g1: TestPki) -> None:
    cache, messages = ReplayCache(), [message(g1) for _ in range(5)]
    start = threading.Barrier(8)
    passed: list[Verified] = []

    def run() -> None:
        start.wait()
        for verified in messages:
            try:
                cache.require_new(verified, NOW)
            except Refusal:
                continue
            passed.append(verified)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == len(messages)
