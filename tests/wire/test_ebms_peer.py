"""`digipoort-wus ebms peer`: a gateway meets a partner that misbehaves, and loses nothing."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from digipoort_wus.cli.stored import look
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.store.ebms_values import Direction, EbmsRow, EbmsWanted
from tests.wire.ebms import AANLEVER, DIGIPOORT_URL, Two, ebms_peer, prepared

SIGNED, RELIABLE = Profile("osb-rm-s"), Profile("osb-rm")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """Start the agency alone: the peer stands in for Digipoort."""
    both = prepared(tmp_path_factory.mktemp("peer"))
    both.agency.start()
    try:
        yield both
    finally:
        both.agency.stop()


def came_to(directory: Path, two: Two) -> list[EbmsRow]:
    config = replace(two.digipoort.config, data_dir=directory)
    wanted = EbmsWanted(direction=Direction.IN)
    return list(look(config, lambda reader: reader.ebms_messages(wanted)))


@pytest.mark.parametrize("sync", [False, True], ids=["asynchronous", "synchronous"])
@pytest.mark.parametrize(
    ("faults", "attempts"),
    [
        (["lose-ack"], 2),
        (["lose-ack*2"], 3),
        (["double-ack"], 1),
        (["bad-signature"], 2),
        (["wrong-cpa"], 2),
        (["reset"], 2),
        (["503", "500"], 3),
        (["500"], 2),
        (["none", "503*"], 1),
    ],
    ids=str,
)
def test_a_message_arrives_once_whatever_the_partner_does(
    two: Two, tmp_path: Path, faults: list[str], attempts: int, sync: bool
) -> None:
    pair = two.pair(SIGNED, sync=sync, retries=20, interval=timedelta(seconds=1))
    options = [word for fault in faults for word in ("--fault", fault)]
    with ebms_peer(two, tmp_path, pair.octets, *options) as url:
        two.agency.add(pair.octets, {DIGIPOORT_URL: url})
        message_id = two.agency.send(pair.agreement.cpa_id, AANLEVER)
        two.agency.wait_for(message_id, "DELIVERED")
        assert len(two.agency.attempts(message_id)) == attempts
    assert [row.head.key.message_id for row in came_to(tmp_path, two)] == [message_id]


def test_a_late_acknowledgment_is_taken(two: Two, tmp_path: Path) -> None:
    pair = two.pair(SIGNED, sync=False, retries=20, interval=timedelta(seconds=10))
    with ebms_peer(two, tmp_path, pair.octets, "--fault", "late-ack", "--late", "1.5") as url:
        two.agency.add(pair.octets, {DIGIPOORT_URL: url})
        message_id = two.agency.send(pair.agreement.cpa_id, AANLEVER)
        row = two.agency.wait_for(message_id, "DELIVERED")
        (attempt,) = two.agency.attempts(message_id)
    assert row.settled_at is not None
    assert row.settled_at - attempt.at >= timedelta(seconds=1.5)


def test_a_partner_that_never_answers_ends_the_message_as_agreed(two: Two, tmp_path: Path) -> None:
    pair = two.pair(RELIABLE, sync=True, retries=1, interval=timedelta(seconds=1))
    with ebms_peer(two, tmp_path, pair.octets, "--fault", "never*") as url:
        two.agency.add(pair.octets, {DIGIPOORT_URL: url})
        message_id = two.agency.send(pair.agreement.cpa_id, AANLEVER)
        two.agency.wait_for(message_id, "EXPIRED", seconds=40)
        attempts = two.agency.attempts(message_id)
    assert 1 <= len(attempts) <= 2
    assert all(one.status is None for one in attempts)
    assert came_to(tmp_path, two) == []


def test_a_fault_that_there_is_not_is_wrong_use(tmp_path: Path) -> None:
    cpa = tmp_path / "cpa.xml"
    cpa.write_text("<a/>")
    for fault in ("nonsense", "503*x", "503*0"):
        command = [sys.executable, "-m", "digipoort_wus", "ebms", "peer", str(cpa)]
        done = subprocess.run(
            [*command, "--fault", fault], capture_output=True, text=True, check=False
        )
        assert (done.returncode, "--fault" in done.stderr) == (2, True), done.stderr


def test_a_partner_that_never_answers_does_not_keep_the_gateway_from_stopping(
    tmp_path: Path,
) -> None:
    alone = prepared(tmp_path)
    settings = alone.agency.config_file
    patient = settings.read_text().replace("silence_seconds = 5", "silence_seconds = 100")
    settings.write_text(patient.replace("total_seconds = 20", "total_seconds = 100"))
    alone.agency.start()
    try:
        pair = alone.pair(RELIABLE, sync=True, retries=20, interval=timedelta(seconds=1))
        with ebms_peer(alone, tmp_path, pair.octets, "--fault", "never*") as url:
            alone.agency.add(pair.octets, {DIGIPOORT_URL: url})
            message_id = alone.agency.send(pair.agreement.cpa_id, AANLEVER)
            alone.agency.wait_for(message_id, "SENDING")
            # Ten seconds are left to what is under way; this waits thirty.
            alone.agency.stop()
        alone.agency.start()
        with ebms_peer(alone, tmp_path, pair.octets) as url:
            alone.agency.add(pair.octets, {DIGIPOORT_URL: url})
            alone.agency.wait_for(message_id, "DELIVERED")
    finally:
        alone.agency.stop()
    assert [row.head.key.message_id for row in came_to(tmp_path, alone)] == [message_id]
