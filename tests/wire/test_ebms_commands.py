"""The commands of an operator, as processes of their own, beside two running gateways."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from digipoort_wus.ebms.cpa_plan import Profile
from tests.wire.conftest import end
from tests.wire.ebms import AANLEVER, AGENCY_URL, DIGIPOORT_URL, Side, Two, two_gateways, wait_for


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    with two_gateways(tmp_path_factory.mktemp("ebms"), more="") as both:
        yield both


def run(side: Side, *words: str, status: int = 0) -> str:
    where = ["--config", str(side.config_file), "--data-dir", str(side.config.data_dir)]
    command = [sys.executable, "-m", "digipoort_wus", *words, *where]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == status, (done.stdout, done.stderr, side.log())
    return done.stdout if status == 0 else done.stderr


def test_from_an_agreement_to_a_message_that_was_delivered(two: Two, tmp_path: Path) -> None:
    pair = two.pair(Profile("osb-rm-s"), sync=True, retries=3, interval=timedelta(seconds=1))
    cpa = tmp_path / "cpa.xml"
    cpa.write_bytes(pair.octets)
    cpa_id = pair.agreement.cpa_id
    urls = (
        "--url",
        f"{AGENCY_URL}={two.agency.url}",
        "--url",
        f"{DIGIPOORT_URL}={two.digipoort.url}",
    )
    for side in (two.agency, two.digipoort):
        assert run(side, "cpa", "add", str(cpa), *urls, "--quirk", "prefix_eb=x") == f"{cpa_id}\n"
    (listed,) = json.loads(run(two.agency, "cpa", "list", "--json"))
    assert (listed["cpa_id"], listed["quirks"]) == (cpa_id, {"prefix_eb": "x"})
    assert cpa_id in run(two.agency, "cpa", "list")
    assert "Pong" in run(two.agency, "ebms", "ping", cpa_id)

    payload = tmp_path / "a.xml"
    payload.write_bytes(b"<a>1</a>")
    service, action = AANLEVER
    sent = json.loads(
        run(
            *(two.agency, "ebms", "send", cpa_id, "--service", service.value),
            *("--action", action, "--payload", str(payload), "--json"),
        )
    )
    message_id = sent["message_id"]
    two.agency.wait_for(message_id, "DELIVERED")
    (row,) = json.loads(run(two.agency, "ebms", "messages", "--direction", "out", "--json"))
    assert (row["message_id"], row["state"]) == (message_id, "DELIVERED")
    assert message_id in run(two.agency, "ebms", "messages")
    number = str(row["number"])
    assert "Received" in run(two.agency, "ebms", "status", number)
    shown = json.loads(run(two.agency, "ebms", "show", number, "--json"))
    assert [one["status"] for one in shown["attempts"]] == [200]
    assert shown["next_at"] is None
    assert "WAITING" not in run(two.agency, "ebms", "show", number)

    (came,) = json.loads(run(two.digipoort, "ebms", "messages", "--json"))
    saved = tmp_path / "saved"
    run(two.digipoort, "ebms", "show", str(came["number"]), "--save", str(saved))
    assert (saved / "payload-1").read_bytes() == b"<a>1</a>"
    assert b"x:MessageHeader" in (saved / "envelope.xml").read_bytes()
    assert b"Acknowledgment" in (saved / "signal").read_bytes()
    events = json.loads(run(two.digipoort, "ebms", "events", "--json"))
    assert [one["number"] for one in events] == [came["number"]]
    assert run(two.digipoort, "ebms", "events")

    again = run(two.agency, "ebms", "resend", number).strip()
    two.agency.wait_for(again, "DELIVERED")
    assert again != message_id
    run(two.agency, "cpa", "remove", cpa_id)
    assert "no CPA" in run(two.agency, "ebms", "ping", cpa_id, status=1)
    assert "no message 99" in run(two.agency, "ebms", "show", "99", status=1)


def test_without_a_gateway_the_store_is_changed(tmp_path: Path) -> None:
    with two_gateways(tmp_path) as both:
        cpa_id = both.agree(Profile("osb-rm"))
        end(both.agency.process)
        both.agency.running = None
        service, action = AANLEVER
        payload = tmp_path / "a.xml"
        payload.write_bytes(b"<a/>")
        message_id = run(
            *(both.agency, "ebms", "send", cpa_id, "--service", service.value),
            *("--action", action, "--payload", str(payload)),
        ).strip()
        row = both.agency.went(message_id)
        assert row.state == "CREATED"
        shown = json.loads(run(both.agency, "ebms", "show", str(row.ebms_id), "--json"))
        assert datetime.fromisoformat(shown["next_at"]) == row.head.at
        assert shown["next_at"] in run(both.agency, "ebms", "show", str(row.ebms_id))
        both.agency.start()
        both.agency.wait_for(message_id, "DELIVERED")


def test_without_ebms_the_commands_say_what_is_missing(tmp_path: Path) -> None:
    with two_gateways(tmp_path) as both:
        end(both.agency.process)
        both.agency.running = None
        both.agency.config_file.write_text("")
        said = run(both.agency, "ebms", "ping", "cpa", status=1)
    assert "[ebms]" in said


def test_what_is_new_is_signed_with_a_renewed_certificate_after_a_hangup(tmp_path: Path) -> None:
    """The agreement names the certificate: without its key nothing is signed, with it all is."""
    with two_gateways(tmp_path) as both:
        place = both.agency.config.data_dir
        names = ("agency.pem", "agency.key")
        own = {name: (place / name).read_bytes() for name in names}
        cpa_id = both.agree(Profile("osb-rm-s"))
        both.agency.wait_for(both.agency.send(cpa_id, AANLEVER), "DELIVERED")
        for name, other in zip(names, ("vendor-a.pem", "vendor-a.key"), strict=True):
            (place / name).write_bytes((place / other).read_bytes())
        hang_up(both.agency)
        with pytest.raises(Exception, match="key of the certificate that the CPA names"):
            both.agency.send(cpa_id, AANLEVER)
        for name, octets in own.items():
            (place / name).write_bytes(octets)
        hang_up(both.agency)
        both.agency.wait_for(both.agency.send(cpa_id, AANLEVER), "DELIVERED")


def hang_up(side: Side) -> None:
    before = side.log().count("were loaded anew")
    os.kill(side.process.process.pid, signal.SIGHUP)
    wait_for(lambda: side.log().count("were loaded anew"), lambda now: now > before, side.log)
    # It is logged behind the change.
    time.sleep(0.05)
