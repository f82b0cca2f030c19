"""A partner that lets its posts hang holds up nobody else."""

import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.packaging import WrittenPackage
from digipoort_wus.ebms.partners import Partner
from digipoort_wus.ebms.terms import Terms
from digipoort_wus.messaging.outbox import Outbox
from digipoort_wus.messaging.posting import EMPTY, HttpReply, NoAnswer
from digipoort_wus.messaging.sending import question
from digipoort_wus.pki.testpki import TestPki
from tests.unit.messaging.parties import two_gateways


def test_a_partner_that_hangs_holds_up_no_other(g1: TestPki, tmp_path: Path) -> None:
    with two_gateways(g1, tmp_path, Profile.RM) as two:
        service, hangs = two.digipoort.service, threading.Event()
        slow, quick = two.pair.agreement.cpa_id, "another"
        service.house.book.put(two.pair.octets.replace(slow.encode(), quick.encode()))
        posted: list[str] = []
        taken = threading.Event()

        def post(url: str, package: WrittenPackage, partner: Partner, terms: Terms) -> HttpReply:
            posted.append(terms.cpa_id)
            if terms.cpa_id == quick:
                taken.set()
                return EMPTY
            hangs.wait(30)
            raise NoAnswer("nobody answered")

        letter = two.digipoort.letter(two.pair)
        for _ in range(8):
            service.send(letter)
        service.send(replace(letter, cpa_id=quick))
        outbox = Outbox(service, post, concurrency=4, idle=timedelta(milliseconds=50))
        outbox.start()
        try:
            assert taken.wait(10), posted
            assert posted.count(slow) == 2, "at most half of the threads"
            hangs.set()
            end = time.monotonic() + 10
            while posted.count(slow) < 8 and time.monotonic() < end:
                time.sleep(0.01)
            assert sorted(posted) == sorted([slow] * 8 + [quick])
        finally:
            hangs.set()
            outbox.close()


def test_signals_for_a_partner_that_hangs_hold_up_no_other(g1: TestPki, tmp_path: Path) -> None:
    with two_gateways(g1, tmp_path, Profile.RM) as two:
        service, hangs, taken = two.digipoort.service, threading.Event(), threading.Event()
        slow, quick = two.pair.agreement.cpa_id, "another"
        service.house.book.put(two.pair.octets.replace(slow.encode(), quick.encode()))
        posted: list[str] = []

        def post(url: str, package: WrittenPackage, partner: Partner, terms: Terms) -> HttpReply:
            posted.append(terms.cpa_id)
            if terms.cpa_id == quick:
                taken.set()
                return EMPTY
            hangs.wait(30)
            raise NoAnswer("nobody answered")

        outbox = Outbox(service, post, concurrency=2)
        try:
            for _ in range(1_100):
                outbox.once(question(service.house, slow, two.digipoort.side.id)[1])
            outbox.once(question(service.house, quick, two.digipoort.side.id)[1])
            assert taken.wait(10), len(posted)
            assert posted.count(slow) == 1
        finally:
            hangs.set()
            outbox.close()


def test_a_question_for_which_there_is_no_room_is_answered_at_once(
    g1: TestPki, tmp_path: Path
) -> None:
    with two_gateways(g1, tmp_path, Profile.RM) as two:
        service, hangs = two.digipoort.service, threading.Event()
        cpa_id = two.pair.agreement.cpa_id

        def post(url: str, package: WrittenPackage, partner: Partner, terms: Terms) -> HttpReply:
            hangs.wait(30)
            raise NoAnswer("nobody answered")

        outbox = Outbox(service, post, concurrency=1)
        try:
            for _ in range(60):
                last = service.ping(cpa_id, two.digipoort.side.id)
            with pytest.raises(NoAnswer, match="too many wait"):
                last.result(5)
        finally:
            hangs.set()
            outbox.close()
        with pytest.raises(NoAnswer, match="closed"):
            service.ping(cpa_id, two.digipoort.side.id).result(5)


def test_no_thread_that_posts_keeps_a_process_alive(g1: TestPki, tmp_path: Path) -> None:
    with two_gateways(g1, tmp_path, Profile.RM) as two:
        service, hangs, posting = two.digipoort.service, threading.Event(), threading.Event()
        found: list[threading.Thread] = []

        def post(url: str, package: WrittenPackage, partner: Partner, terms: Terms) -> HttpReply:
            found.append(threading.current_thread())
            if len(found) == 2:
                posting.set()
            hangs.wait(30)
            raise NoAnswer("nobody answered")

        service.send(two.digipoort.letter(two.pair))
        outbox = Outbox(service, post)
        outbox.start()
        try:
            outbox.once(
                question(service.house, two.pair.agreement.cpa_id, two.digipoort.side.id)[1]
            )
            assert posting.wait(10)
            assert all(thread.daemon for thread in found)
            began = time.monotonic()
            outbox.close(timedelta(milliseconds=100))
            assert time.monotonic() - began < 5
        finally:
            hangs.set()
        for thread in found:
            thread.join(10)
            assert not thread.is_alive(), "it ends when nothing waits"
