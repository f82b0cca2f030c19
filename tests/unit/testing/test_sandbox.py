"""The gateway inside a test: what it offers, and that it leaves nothing behind."""

import os
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digipoort_wus.client.errors import ConnectionFailed, DigipoortFault
from digipoort_wus.filing.filing import Document, ReturnMessage
from digipoort_wus.filing.party import Party
from digipoort_wus.process.scenarios import Deliver, Verdict
from digipoort_wus.testing import SandboxGateway, TurnableClock, sandbox_gateway
from tests.messages import XBRL

PARTY = Party("001000044B37", "Fi")
RETURN = Document("application/xml", "Omzetbelasting.xbrl", XBRL)


def submit(digipoort: SandboxGateway, reference: str = "ref", name: str = "vendor-a") -> str:
    return (
        digipoort.client(name)
        .submit(
            RETURN,
            berichtsoort="Omzetbelasting",
            belanghebbende=PARTY,
            aanleverkenmerk=reference,
        )
        .kenmerk
    )


def codes(digipoort: SandboxGateway, kenmerk: str, *wanted: str) -> list[str]:
    return [status.code for status in digipoort.wait_for(kenmerk, *wanted)]


def test_a_filing_is_received_and_ends_in_500() -> None:
    with sandbox_gateway() as digipoort:
        kenmerk = submit(digipoort)
        assert codes(digipoort, kenmerk)[-1] == "500"
        (filing,) = digipoort.received
        assert filing.kenmerk == kenmerk
        assert filing.delivery.document.content == XBRL
        assert len(digipoort.client().messages_of(kenmerk)) == 1


@pytest.mark.parametrize("name", ["vendor-a", "vendor-b", "vendor-a-sign"])
def test_both_generations_have_clients(name: str) -> None:
    with sandbox_gateway(generation="g4") as digipoort:
        assert codes(digipoort, submit(digipoort, name=name))[-1] == "500"


def test_outcomes_are_set_per_filing() -> None:
    with sandbox_gateway() as digipoort:
        digipoort.play("rejected", deliver=Deliver.REJECTED)
        digipoort.play("refused", answer=Verdict.REFUSED)
        assert codes(digipoort, submit(digipoort, "rejected"))[-1] == "410"
        assert codes(digipoort, submit(digipoort, "refused"))[-1] == "510"
        assert codes(digipoort, submit(digipoort, "normal"))[-1] == "500"


def test_retries_follow_the_clock_for_72_hours() -> None:
    with sandbox_gateway() as digipoort:
        digipoort.play("down", deliver=Deliver.UNREACHABLE)
        kenmerk = submit(digipoort, "down")
        assert codes(digipoort, kenmerk, "420").count("420") == 1
        digipoort.clock.move(timedelta(hours=72))
        statuses = digipoort.wait_for(kenmerk)
        assert statuses[-1].error is not None
        assert statuses[-1].error.code == "AFS600"
        assert statuses[-1].at - statuses[0].at >= timedelta(hours=72)


def test_the_clock_governs_timestamps_on_both_sides() -> None:
    with sandbox_gateway() as digipoort:
        client = digipoort.client()
        digipoort.clock.freeze(datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC))
        receipt = client.submit(RETURN, berichtsoort="Omzetbelasting", belanghebbende=PARTY)
        assert receipt.received_at == datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_the_clock_governs_certificates() -> None:
    with sandbox_gateway() as digipoort:
        client = digipoort.client()
        digipoort.clock.move(timedelta(days=3660))
        with pytest.raises(ConnectionFailed, match=r"expired|verlopen"):
            client.submit(RETURN, berichtsoort="Omzetbelasting", belanghebbende=PARTY)
        assert digipoort.received == ()


def test_a_return_message_is_offered() -> None:
    with sandbox_gateway() as digipoort:
        kenmerk = submit(digipoort)
        digipoort.wait_for(kenmerk)
        message = ReturnMessage(kenmerk, "m-2", "TEST", digipoort.clock(), PARTY, "Bedrijf", RETURN)
        digipoort.offer(message)
        found = digipoort.client().messages_of(kenmerk)
        assert [one.berichtkenmerk for one in found][-1] == "m-2"
        with pytest.raises(DigipoortFault, match="OPH150"):
            digipoort.client("vendor-b").messages_of(kenmerk)


def test_several_gateways_run_side_by_side() -> None:
    with sandbox_gateway() as one, sandbox_gateway(generation="g4") as two:
        assert one.url != two.url
        assert codes(one, submit(one))[-1] == codes(two, submit(two))[-1] == "500"
        assert len(one.received) == len(two.received) == 1


def held() -> tuple[set[threading.Thread], int]:
    return set(threading.enumerate()), len(list(Path("/proc/self/fd").iterdir()))


def test_nothing_stays_behind_even_when_a_test_fails(tmp_path: Path) -> None:
    with sandbox_gateway():
        pass  # caches that live as long as the process are filled now
    threads, files = held()
    for number in range(3):
        with (  # noqa: PT012 - the failure is what this is about
            pytest.raises(ZeroDivisionError),
            sandbox_gateway(tmp_path / f"data{number}") as digipoort,
        ):
            submit(digipoort)
            port = digipoort.gateway.port
            raise ZeroDivisionError
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            pass
    # Threads of other tests may end meanwhile, with what they hold.
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        now, descriptors = held()
        if now <= threads and descriptors <= files:
            break
        time.sleep(0.05)
    assert now - threads == set()
    assert descriptors <= files


def test_a_client_that_hangs_half_way_does_not_hold_up_the_end() -> None:
    started = time.monotonic()
    with (
        sandbox_gateway() as digipoort,
        socket.create_connection(("127.0.0.1", digipoort.gateway.port)) as half,
    ):
        half.sendall(b"\x16\x03\x01")
    assert time.monotonic() - started < 10


VENDOR_TEST = """
from datetime import timedelta

def test_three_days_of_silence(digipoort):
    from digipoort_wus.filing.filing import Document
    from digipoort_wus.filing.party import Party
    from digipoort_wus.process.scenarios import Deliver

    digipoort.play("down", deliver=Deliver.UNREACHABLE)
    receipt = digipoort.client().submit(
        Document("text/xml", "a.xml", b"<a/>"),
        berichtsoort="TEST",
        belanghebbende=Party("1", "Fi"),
        aanleverkenmerk="down",
    )
    digipoort.wait_for(receipt.kenmerk, "420")
    digipoort.clock.move(timedelta(hours=72))
    assert digipoort.wait_for(receipt.kenmerk)[-1].error.code == "AFS600"

def test_another_gateway(digipoort):
    assert digipoort.received == ()
"""


def test_the_fixture_serves_tests_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "test_vendor.py").write_text(VENDOR_TEST)
    root = Path(__file__).parents[3]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(root)}
    names = "import importlib.metadata as m; print(m.entry_points(group='pytest11').names)"
    plug_ins = subprocess.run(
        [sys.executable, "-c", names], capture_output=True, text=True, env=env, check=True
    ).stdout
    if "'digipoort_wus'" not in plug_ins:
        # Not installed: the plug-in is named by hand.
        command += ["-p", "digipoort_wus.testing.pytest_plugin"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_a_clock_runs_freezes_and_moves() -> None:
    turns: list[int] = []
    clock = TurnableClock(lambda: turns.append(1))
    at = datetime(2030, 1, 1, tzinfo=UTC)
    clock.freeze(at)
    clock.move(timedelta(seconds=5))
    assert clock() == at + timedelta(seconds=5)
    clock.freeze()
    assert clock() == at + timedelta(seconds=5)
    clock.run()
    assert at + timedelta(seconds=5) <= clock() < at + timedelta(seconds=6)
    clock.move(timedelta(days=1))
    assert clock() - at >= timedelta(days=1)
    assert len(turns) == 5
