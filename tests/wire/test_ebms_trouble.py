"""Two gateways over ebMS when something goes wrong: lost answers, kills, strangers."""

import os
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import requests

from digipoort_wus import limits
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.errors import DigipoortError
from digipoort_wus.pki.oin import oin_of
from digipoort_wus.testing.proxy import Alterations, AlteringProxy, Passing
from tests.wire.conftest import Wire, head
from tests.wire.ebms import (
    AANLEVER,
    AFLEVER,
    Two,
    forget_peak,
    peak_memory,
    two_gateways,
    wait_for,
    wait_for_rest,
)

RELIABLE, SIGNED, BEST_EFFORT = Profile("osb-rm"), Profile("osb-rm-s"), Profile("osb-be")
EBXML = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '"ebXML"'}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    with two_gateways(tmp_path_factory.mktemp("ebms")) as both:
        yield both


def lose(_passing: Passing) -> Passing:
    """Lose what passes: the proxy answers with 502."""
    raise ValueError("lost")


# --- Lost answers -------------------------------------------------------------------------


@pytest.mark.parametrize("profile", [RELIABLE, SIGNED], ids=lambda profile: profile.value)
def test_lost_synchronous_acknowledgments_make_no_second_message(
    two: Two, profile: Profile
) -> None:
    pki = two.agency.config.data_dir
    base = two.digipoort.url.removesuffix("/ebms")
    with AlteringProxy(base, pki, name="agency") as proxy:
        proxy.alterations = Alterations(answer=[lose])
        cpa_id = two.agree(profile, sync=True, to_digipoort=f"{proxy.url}/ebms")
        message_id = two.agency.send(cpa_id, AANLEVER)
        wait_for(lambda: len(proxy.passed), lambda number: number >= 2, two.agency.log)
        proxy.alterations = Alterations()
        two.agency.wait_for(message_id, "DELIVERED")
        bodies = [answer.body for _, answer in proxy.passed]
        assert len(bodies) >= 3
        assert len(set(bodies)) == 1, "a repeat gets the first answer again"
        assert len({request.body for request in proxy.sent}) == 1, "the same octets each time"
    assert len(two.digipoort.came(message_id)) == 1


def test_lost_asynchronous_acknowledgments_make_no_second_message(two: Two) -> None:
    pki = two.agency.config.data_dir
    base = two.agency.url.removesuffix("/ebms")
    with AlteringProxy(base, pki, name="gateway-tls") as proxy:
        proxy.alterations = Alterations(request=[lose])
        # It shows the certificate of Digipoort, in the place of the agency's.
        quirks = {"peers": oin_of(two.pki.identities["gateway-tls"].certificate)}
        cpa_id = two.agree(SIGNED, to_agency=f"{proxy.url}/ebms", quirks=quirks)
        message_id = two.agency.send(cpa_id, AANLEVER)
        wait_for(
            lambda: len(two.agency.attempts(message_id)),
            lambda number: number >= 2,
            two.agency.log,
        )
        proxy.alterations = Alterations()
        two.agency.wait_for(message_id, "DELIVERED")
    assert len(two.digipoort.came(message_id)) == 1


def test_a_message_that_is_sent_twice_at_once_is_kept_once(two: Two) -> None:
    pki = two.agency.config.data_dir
    base = two.digipoort.url.removesuffix("/ebms")
    with AlteringProxy(base, pki, name="agency") as proxy:
        proxy.alterations = Alterations(repeat=3)
        cpa_id = two.agree(RELIABLE, sync=True, to_digipoort=f"{proxy.url}/ebms")
        message_id = two.agency.send(cpa_id, AANLEVER)
        two.agency.wait_for(message_id, "DELIVERED")
    assert len(two.digipoort.came(message_id)) == 1


def test_a_message_is_offered_as_often_as_the_agreement_says(two: Two) -> None:
    pki = two.agency.config.data_dir
    base = two.digipoort.url.removesuffix("/ebms")
    with AlteringProxy(base, pki, name="agency") as proxy:
        proxy.alterations = Alterations(request=[lose])
        cpa_id = two.agree(
            RELIABLE,
            retries=2,
            interval=timedelta(seconds=1),
            to_digipoort=f"{proxy.url}/ebms",
        )
        message_id = two.agency.send(cpa_id, AANLEVER)
        row = two.agency.wait_for(message_id, "EXPIRED")
    attempts = two.agency.attempts(message_id)
    assert [one.status for one in attempts] == [502, 502, 502]
    gaps = [(later.at - sooner.at).total_seconds() for sooner, later in pairwise(attempts)]
    assert all(gap >= 0.99 for gap in gaps), gaps
    assert row.head.time_to_live is not None
    assert two.digipoort.came(message_id) == []


# --- Kills ----------------------------------------------------------------------------------


@pytest.mark.parametrize("sync", [False, True], ids=["asynchronous", "synchronous"])
def test_kills_of_either_side_lose_and_double_nothing(tmp_path: Path, sync: bool) -> None:
    with two_gateways(tmp_path) as both:
        cpa_id = both.agree(SIGNED, sync=sync, retries=60)
        sent: dict[str, bytes] = {}
        for number in range(24):
            payload = f"<bericht>{number}</bericht>".encode()
            sent[both.agency.send(cpa_id, AANLEVER, [payload])] = payload
            if number % 6 == 5:
                victim = both.digipoort if number % 12 == 5 else both.agency
                victim.kill()
                victim.start()
        for message_id in sent:
            both.agency.wait_for(message_id, "DELIVERED", seconds=60)
        came = both.digipoort.came()
        assert sorted(row.head.key.message_id for row in came) == sorted(sent)
        for row in came:
            assert both.digipoort.payloads(row.ebms_id) == [sent[row.head.key.message_id]]


def test_what_was_kept_before_a_kill_is_sent_after_it(tmp_path: Path) -> None:
    with two_gateways(tmp_path) as both:
        cpa_id = both.agree(RELIABLE, retries=60)
        both.digipoort.kill()
        message_id = both.agency.send(cpa_id, AANLEVER)
        both.agency.kill()
        both.digipoort.start()
        both.agency.start()
        both.agency.wait_for(message_id, "DELIVERED")
        assert len(both.digipoort.came(message_id)) == 1
        wait_for_rest(both.agency)


# --- Who calls, and with what ----------------------------------------------------------------


def _post(
    two: Two, body: bytes, *, name: str | None = "agency", **headers: str
) -> requests.Response:
    running = two.digipoort.process
    return running.post(two.digipoort.url, body, name=name, **{**EBXML, **headers})


def _recorded(two: Two, profile: Profile) -> Passing:
    """Return a message of the agency that never arrived."""
    base = two.digipoort.url.removesuffix("/ebms")
    with AlteringProxy(base, two.agency.config.data_dir, name="agency") as proxy:
        taken: list[Passing] = []

        def keep(passing: Passing) -> Passing:
            taken.append(passing)
            raise ValueError("kept")

        proxy.alterations = Alterations(request=[keep])
        cpa_id = two.agree(profile, sync=True, to_digipoort=f"{proxy.url}/ebms")
        two.agency.send(cpa_id, AANLEVER)
        wait_for(lambda: taken, bool, two.agency.log)
        two.agency.remove(cpa_id)
    return taken[0]


def test_somebody_else_cannot_post_what_a_party_signed(two: Two) -> None:
    recorded = _recorded(two, SIGNED)
    before = len(two.digipoort.came())
    content_type = next(v for n, v in recorded.headers.items() if n.lower() == "content-type")
    answer = _post(two, recorded.body, name="vendor-a", **{"Content-Type": content_type})
    assert answer.status_code == 500
    assert "EBMS-PEER" in answer.text
    assert len(two.digipoort.came()) == before
    answer = _post(two, recorded.body, **{"Content-Type": content_type})
    assert answer.status_code == 200
    assert answer.headers["SOAPAction"] == '"ebXML"'
    assert len(two.digipoort.came()) == before + 1


def test_nobody_gets_in_without_a_certificate(two: Two) -> None:
    with pytest.raises((requests.exceptions.SSLError, requests.exceptions.ConnectionError)):
        _post(two, b"<a/>", name=None)


@pytest.mark.parametrize("action", ["", '"urn:other"'])
def test_another_soap_action_is_refused(two: Two, action: str) -> None:
    answer = _post(two, b"<a/>", SOAPAction=action)
    assert answer.status_code == 500
    assert "EBMS-SOAP-ACTION" in answer.text
    assert "Client" in answer.text


def test_what_is_no_message_is_refused(two: Two) -> None:
    answer = _post(two, b"<a/>")
    assert answer.status_code == 500
    assert "Client" in answer.text
    assert "Traceback" not in answer.text


def test_only_post_is_served(two: Two) -> None:
    with two.digipoort.process.session("agency") as session:
        answer = session.get(two.digipoort.url, timeout=10)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_a_body_over_the_limit_is_refused_before_it_is_sent(two: Two) -> None:
    with Wire(two.digipoort.process, "agency") as wire:
        wire.send(head(two.digipoort.url, limits.EBMS_WIRE_MAX_BYTES + 1, EBXML))
        assert wire.answer().status == 413


def test_a_chunked_body_may_be_larger_than_one_of_wus(two: Two) -> None:
    piece = b"x" * 1_000_000
    with Wire(two.digipoort.process, "agency") as wire:
        wire.send(head(two.digipoort.url, None, {**EBXML, "Transfer-Encoding": "chunked"}))
        for _ in range(limits.WIRE_MAX_BYTES // len(piece) + 2):
            wire.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        wire.send(b"0\r\n\r\n")
        assert wire.answer().status == 500, "it was read, and is no message"
    with Wire(two.digipoort.process, "agency") as wire:
        wire.send(head(two.digipoort.url, None, {**EBXML, "Transfer-Encoding": "chunked"}))
        wire.send(f"{limits.EBMS_WIRE_MAX_BYTES + 1:x}\r\n".encode())
        assert wire.answer().status == 413


def test_a_message_under_an_unknown_agreement_is_not_kept(two: Two) -> None:
    cpa_id = two.agree(RELIABLE, sync=True)
    two.digipoort.remove(cpa_id)
    before = len(two.digipoort.came())
    message_id = two.agency.send(cpa_id, AANLEVER)
    two.agency.wait_for(message_id, "FAILED")
    assert len(two.digipoort.came()) == before
    assert "EBMS-CPA" in two.digipoort.log()


def test_an_agreement_that_is_removed_is_not_sent_under(two: Two) -> None:
    cpa_id = two.agree(RELIABLE)
    two.agency.remove(cpa_id)
    with pytest.raises(DigipoortError, match="no CPA"):
        two.agency.send(cpa_id, AANLEVER)
    with pytest.raises(DigipoortError, match="no CPA"):
        two.agency.remove(cpa_id)


def test_a_server_of_somebody_else_is_told_nothing(two: Two) -> None:
    """The proxy shows Digipoort's certificate: it is not the agency, whatever TLS says of it."""
    base = two.agency.url.removesuffix("/ebms")
    with AlteringProxy(base, two.agency.config.data_dir, name="gateway-tls") as proxy:
        cpa_id = two.agree(RELIABLE, retries=0, to_agency=f"{proxy.url}/ebms")
        message_id = two.digipoort.send(cpa_id, AFLEVER)
        two.digipoort.wait_for(message_id, "EXPIRED", "FAILED")
        assert proxy.sent == []
    assert "EBMS-PEER" in two.digipoort.log()


# --- Large payloads -----------------------------------------------------------------------


@pytest.mark.parametrize("profile", [RELIABLE, SIGNED], ids=lambda profile: profile.value)
def test_a_payload_of_fifty_megabytes_streams(two: Two, profile: Profile, tmp_path: Path) -> None:
    large = tmp_path / "large.xml"
    large.write_bytes(os.urandom(1_000_000) * 50)
    cpa_id = two.agree(profile, sync=True, interval=timedelta(minutes=5))
    # What the first message loads is not what a large one costs.
    two.agency.wait_for(two.agency.send(cpa_id, AANLEVER), "DELIVERED")
    sides = (two.agency.process, two.digipoort.process)
    for side in sides:
        forget_peak(side)
    idle = [peak_memory(side) for side in sides]
    started = time.monotonic()
    message_id = two.agency.send(cpa_id, AANLEVER, [large])
    two.agency.wait_for(message_id, "DELIVERED", seconds=60)
    seconds = time.monotonic() - started
    above = [peak_memory(side) - before for side, before in zip(sides, idle, strict=True)]
    print(f"{profile.value}: {seconds:.1f} s, above idle: {[x // 1_000_000 for x in above]} MB")
    (row,) = two.digipoort.came(message_id)
    assert two.digipoort.payloads(row.ebms_id)[0] == large.read_bytes()
    # The goal is 100 MB; a machine that does other things as well frees memory late.
    assert max(above) < 200_000_000


# --- The table of parties -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ('operations = ["echo"]', 500),
        ('disabled = true\nreason = "it ended"', 500),
        ('operations = ["ebms"]', 200),
    ],
    ids=["another operation", "disabled", "ebMS"],
)
def test_a_party_needs_to_be_granted_ebms(two: Two, row: str, status: int, tmp_path: Path) -> None:
    file = two.digipoort.config_file
    before = file.read_text()
    recorded = _recorded(two, SIGNED)
    content_type = next(v for n, v in recorded.headers.items() if n.lower() == "content-type")
    party = f'[[party]]\noin = "00000099000000004000"\n{row}\n'
    try:
        file.write_text(f'mode = "sandbox"\n{before}{party}')
        _hang_up(two)
        answer = _post(two, recorded.body, **{"Content-Type": content_type})
        assert answer.status_code == status, answer.text
        assert ("EBMS-PEER" in answer.text) == (status == 500)
    finally:
        file.write_text(before)
        _hang_up(two)


def _hang_up(two: Two) -> None:
    log = two.digipoort.log
    before = log().count("parties were read anew")
    os.kill(two.digipoort.process.process.pid, signal.SIGHUP)
    wait_for(lambda: log().count("parties were read anew"), lambda now: now > before, log)
