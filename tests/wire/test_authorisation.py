"""The table of parties over mutual TLS: who gets in, for what, and how often."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest
import requests
from lxml import etree

from digipoort_wus.names import ECHO, ECHO_BE, ECHO_BE_S, SOAP, TYPES, WSA, Service
from digipoort_wus.pki.testplan import VENDOR_A_OIN, VENDOR_B_OIN
from digipoort_wus.process.authorisation import PartyRow, Right, authorisation_table
from digipoort_wus.testing import sandbox_gateway
from tests.messages import QUERY_BODIES, XBRL, aanlever_body, envelope, query_body, signed
from tests.wire.conftest import (
    Running,
    Wire,
    assert_refused,
    body_of,
    fault_of,
    head,
    request_for,
    served,
    text_of,
    with_pki,
)

NUMBER = "Fi:001000044B37"
MAILBOX = ("getBerichten", "getNieuweBerichten")


def row(oin: str, **settings: str) -> str:
    lines = [f"{key} = {value}" for key, value in settings.items()]
    return "\n".join(["[[party]]", f'oin = "{oin}"', *lines, ""])


EVERYTHING = {"operations": '"*"', "berichtsoorten": '"*"', "belanghebbenden": '"*"'}


@contextmanager
def configured(tmp_path: Path, text: str, *arguments: str) -> Iterator[Running]:
    config = tmp_path / "gateway.toml"
    config.write_text(f'mode = "sandbox"\n{text}')
    directory = tmp_path / "data"
    if not directory.exists():
        with_pki(directory)
    with served(directory, "--config", str(config), *arguments) as running:
        yield running


def prefix(operation: str) -> str:
    if operation == "aanleveren":
        return "ALS"
    return "OPH" if operation.startswith(MAILBOX) else "STS"


def body(operation: str) -> str:
    return aanlever_body() if operation == "aanleveren" else query_body(operation)


def check_of(answer: requests.Response) -> str | None:
    """Return the check that refused, None for an answer that is no refusal by the table."""
    text = fault_of(answer)[1] if answer.status_code == 500 else ""
    found = text.partition("[")[2].partition("]")[0]
    return found or None


def echo(running: Running, service: Service, name: str) -> requests.Response:
    root = etree.fromstring(
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{WSA}"><s:Header>'
        f"<a:To>https://localhost:8443{service.paths[0]}</a:To>"
        f"<a:Action>{service.request_action(service.operations[0])}</a:Action>"
        f"<a:MessageID>urn:uuid:{uuid4()}</a:MessageID></s:Header>"
        f'<s:Body><e:echoRequest xmlns:e="{ECHO}"><e:text>x</e:text></e:echoRequest></s:Body>'
        "</s:Envelope>"
    )
    if service is ECHO_BE:
        octets = etree.tostring(root)
    else:
        octets = signed(running.identity(name), root, created=datetime.now(UTC))
    return running.post(running.base + service.paths[0], octets, name=name)


# --- The choke point: every operation of every service ----------------------------------


def test_a_disabled_party_is_refused_for_everything_and_nobody_else_is(tmp_path: Path) -> None:
    text = row(VENDOR_A_OIN, disabled="true", reason='"did not pay"', **EVERYTHING)
    with configured(tmp_path, text) as running:
        for operation in ("aanleveren", *QUERY_BODIES):
            answer = running.ask(operation, body(operation))
            told = assert_refused(answer, f"{prefix(operation)}130", "PARTY-ENABLED")
            assert "pay" not in told
            other = running.ask(operation, body(operation), name="vendor-b")
            assert check_of(other) in (None, "KENMERK-KNOWN"), operation
        for service in (ECHO_BE, ECHO_BE_S):
            assert "[PARTY-ENABLED]" in echo(running, service, "vendor-a").text
            assert echo(running, service, "vendor-b").status_code == 200
        assert "Traceback" not in running.log()


GRANTS = {
    "aanleveren": ("aanleveren",),
    "statusinformatie": tuple(name for name in QUERY_BODIES if prefix(name) == "STS"),
    "ophalen": tuple(name for name in QUERY_BODIES if prefix(name) == "OPH"),
    "echo": (),
}


@pytest.mark.parametrize("granted", GRANTS)
def test_what_is_not_granted_is_refused(tmp_path: Path, granted: str) -> None:
    text = row(VENDOR_A_OIN, **{**EVERYTHING, "operations": f'["{granted}"]'})
    with configured(tmp_path, text) as running:
        for operation in ("aanleveren", *QUERY_BODIES):
            answer = running.ask(operation, body(operation))
            if operation in GRANTS[granted]:
                assert check_of(answer) in (None, "KENMERK-KNOWN"), operation
            else:
                assert_refused(answer, f"{prefix(operation)}130", "PARTY-AUTHORISED")
        for service in (ECHO_BE, ECHO_BE_S):
            answer = echo(running, service, "vendor-a")
            assert (answer.status_code == 200) is (granted == "echo")
            assert ("[PARTY-AUTHORISED]" in answer.text) is (granted != "echo")


def test_the_table_is_asked_last(tmp_path: Path) -> None:
    """A message that is wrong in itself is refused for that, also from a disabled party."""
    text = row(VENDOR_A_OIN, disabled="true", reason='"x"')
    with configured(tmp_path, text) as running:
        right = request_for(running)
        wrong = {
            "WSS-DIGEST": right.replace(b">Omzetbelasting<", b">Omzetbelastinh<"),
            "WSS-EXPIRED": request_for(running, created=datetime(2026, 1, 1, tzinfo=UTC)),
            "XSD-VALID": request_for(
                running, aanlever_body().replace("rolBelanghebbende", "rolVanIemand")
            ),
        }
        for check, octets in wrong.items():
            assert_refused(running.post(running.urls[0], octets), fault_code(check), check)
        assert_refused(running.post(running.urls[0], right), "ALS130", "PARTY-ENABLED")


def fault_code(check: str) -> str:
    return "ALS110" if check.startswith("WSS") else "ALS100"


# --- What only the body tells ------------------------------------------------------------


def test_berichtsoort_and_belanghebbende(tmp_path: Path) -> None:
    text = row(
        VENDOR_A_OIN,
        operations='"*"',
        berichtsoorten='["Omzet*"]',
        belanghebbenden=f'["{NUMBER}"]',
    )
    with configured(tmp_path, text) as running:
        assert running.ask("aanleveren", aanlever_body()).status_code == 200
        other_sort = aanlever_body(berichtsoort="ICP")
        other_party = aanlever_body().replace("001000044B37</t:nummer>", "001000044B38</t:nummer>")
        large = aanlever_body(XBRL + b" " * 300_000, berichtsoort="ICP")
        for wrong in (other_sort, other_party, large):
            told = assert_refused(running.ask("aanleveren", wrong), "ALS130", "PARTY-AUTHORISED")
            assert "001000044B38" not in told
        assert "001000044B38" not in running.log()
        listed = body_of(running.ask("getBerichtsoorten", query_body("getBerichtsoorten")))
        assert [element.text for element in listed.iter(f"{{{TYPES}}}berichtsoort")] == [
            "Omzetbelasting"
        ]
        other = running.ask("aanleveren", other_sort, name="vendor-b")
        assert other.status_code == 200, "without a row a sandbox lets everybody do everything"


def test_what_was_filed_stays_the_party_s_own(tmp_path: Path) -> None:
    """After a change of the table it may still follow and fetch, and repeat what was lost."""
    with configured(tmp_path, row(VENDOR_A_OIN, **EVERYTHING)) as running:
        octets = request_for(running)
        kenmerk = text_of(body_of(running.post(running.urls[0], octets)), "kenmerk")
        running.wait_for(kenmerk, "500")
    changed = row(VENDOR_A_OIN, **{**EVERYTHING, "berichtsoorten": '["ICP"]'})
    with configured(tmp_path, changed) as running:
        assert_refused(running.ask("aanleveren", aanlever_body()), "ALS130", "PARTY-AUTHORISED")
        assert running.statuses(kenmerk)[-1] == "500"
        again = running.post(running.urls[0], octets)
        assert text_of(body_of(again), "kenmerk") == kenmerk
        fetched = running.ask("getBerichtenKenmerk", query_body("getBerichtenKenmerk", kenmerk))
        assert fetched.status_code == 200


# --- Mandates -------------------------------------------------------------------------------


def test_a_channel_mandate_and_a_mailbox_mandate(tmp_path: Path) -> None:
    mandates = (
        f'[security]\nmandates = [{{ tls = "{VENDOR_B_OIN}", signer = "{VENDOR_A_OIN}" }},\n'
        f'{{ kind = "mailbox", oin = "{VENDOR_B_OIN}", belanghebbende = "{NUMBER}" }}]\n'
    )
    with configured(tmp_path, mandates) as running:
        carried = running.post(running.urls[0], request_for(running), name="vendor-b")
        kenmerk = text_of(body_of(carried), "kenmerk")
        running.wait_for(kenmerk, "500")
        turned = running.post(running.urls[0], request_for(running, name="vendor-b"))
        assert_refused(turned, "ALS110", "WSS-SIGNER")
        query = query_body("getBerichtenKenmerk", kenmerk)
        assert running.ask("getBerichtenKenmerk", query, name="vendor-b").status_code == 200
        statuses = running.ask(
            "getStatussenProces", query_body("getStatussenProces", kenmerk), name="vendor-b"
        )
        assert_refused(statuses, "STS150", "KENMERK-KNOWN")
    with configured(tmp_path, "") as running:
        answer = running.ask("getBerichtenKenmerk", query, name="vendor-b")
        assert_refused(answer, "OPH150", "KENMERK-KNOWN")
    disabled = row(VENDOR_B_OIN, disabled="true", reason='"x"')
    with configured(tmp_path, mandates + disabled) as running:
        carried = running.post(running.urls[0], request_for(running), name="vendor-b")
        assert_refused(carried, "ALS130", "PARTY-ENABLED")
        assert running.ask("aanleveren", aanlever_body()).status_code == 200


# --- How much -----------------------------------------------------------------------------


def test_requests_a_minute(tmp_path: Path) -> None:
    """More than a minute's requests in a row: at most two minutes can be at hand."""
    limit = 5
    text = row(VENDOR_A_OIN, requests_per_minute=str(limit), **EVERYTHING)
    with configured(tmp_path, text) as running, Wire(running) as wire:
        octets = [request_for(running, operation="aanleveren") for _ in range(3 * limit)]
        start = datetime.now(UTC)
        statuses = []
        for one in octets:
            wire.send(head(running.urls[0], len(one)) + one)
            answer = wire.answer()
            statuses.append(answer.status)
            if answer.status == 500:
                assert_refused(answer, "ALS400", "PARTY-RATE")
        minutes = 1 + (datetime.now(UTC).minute != start.minute)
        assert limit <= statuses.count(200) <= limit * minutes
        assert running.ask("aanleveren", aanlever_body(), name="vendor-b").status_code == 200


def test_bytes_a_day_are_not_forgotten_by_a_restart(tmp_path: Path) -> None:
    """From the beginning again where midnight came in between, which brings another day's bytes."""
    for attempt in ("first", "second"):
        day = datetime.now(UTC).date()
        told = after_a_restart(tmp_path / attempt)
        if datetime.now(UTC).date() == day:
            break
    assert_refused(told, "ALS130", "PARTY-VOLUME")


def after_a_restart(directory: Path) -> requests.Response:
    """Use up the bytes of a day, restart the gateway, and return what the next filing gets."""
    directory.mkdir()
    text = row(VENDOR_A_OIN, bytes_per_day=str(3 * len(XBRL) - 1), **EVERYTHING)
    with configured(directory, text) as running:
        octets = request_for(running)
        for _ in range(3):
            assert running.post(running.urls[0], octets).status_code == 200, "a repeat is free"
        assert running.ask("aanleveren", aanlever_body()).status_code == 200
    with configured(directory, text) as running:
        answer = running.ask("aanleveren", aanlever_body())
        assert running.ask("getBerichtenLijst", query_body("getBerichtenLijst")).status_code == 200
    return answer


# --- What is told -------------------------------------------------------------------------


def test_without_explanations_every_refusal_of_the_table_reads_the_same(tmp_path: Path) -> None:
    """Nobody learns whether he is unknown, disabled, or asks too much; the log knows."""
    texts = {
        "PARTY-ENABLED": row(VENDOR_A_OIN, disabled="true", reason='"x"'),
        "PARTY-AUTHORISED": row(VENDOR_A_OIN, operations='["echo"]'),
        "PARTY-VOLUME": row(VENDOR_A_OIN, bytes_per_day="1", **EVERYTHING),
    }
    told = set()
    for check, text in texts.items():
        with configured(tmp_path, f"[security]\nexplain_faults = false\n{text}") as running:
            root = envelope(aanlever_body(), message_id=f"urn:uuid:{uuid4()}")
            octets = signed(running.identity("vendor-a"), root, created=datetime.now(UTC))
            told.add(fault_of(running.post(running.urls[0], octets)))
            assert f"refused by {check}" in running.log()
    assert len(told) == 1


# --- Changed while it runs ------------------------------------------------------------------


def test_another_table_holds_for_the_next_request_of_the_same_connection() -> None:
    """Who has no row is refused, as in production, and let in when he is given one."""
    granted = PartyRow(
        VENDOR_A_OIN,
        rights=frozenset({Right.AANLEVEREN}),
        berichtsoorten=("*",),
        belanghebbenden=("*",),
    )
    tables = {
        "PARTY-ENABLED": authorisation_table([replace(granted, oin=VENDOR_B_OIN)]),
        "PARTY-AUTHORISED": authorisation_table([replace(granted, berichtsoorten=("ICP",))]),
        None: authorisation_table([granted]),
        "PARTY-ENABLED ": authorisation_table([replace(granted, disabled="x")]),
    }
    with sandbox_gateway() as sandbox:
        first, second, third = sandbox.urls
        nobody = cast("subprocess.Popen[str]", None)
        running = Running(nobody, sandbox.directory, (first, second, third))
        with Wire(running) as wire:
            for check, table in tables.items():
                sandbox.gateway.authorise(table)
                octets = request_for(running)
                wire.send(head(first, len(octets)) + octets)
                answer = wire.answer()
                if check is None:
                    assert answer.status == 200
                else:
                    assert_refused(answer, "ALS130", check.strip())
        assert len(sandbox.received) == 1


def test_a_hangup_puts_the_parties_of_the_file_into_force(tmp_path: Path) -> None:
    with configured(tmp_path, row(VENDOR_A_OIN, **EVERYTHING)) as running:
        assert running.submit()
        config = tmp_path / "gateway.toml"
        disabled = row(VENDOR_A_OIN, disabled="true", reason='"contract ended"')
        config.write_text(f'mode = "sandbox"\n{disabled}')
        running.process.send_signal(signal.SIGHUP)
        seen(running, "1 parties were read anew")
        assert_refused(running.ask("aanleveren", aanlever_body()), "ALS130", "PARTY-ENABLED")
        config.write_text("party = 1\n")
        running.process.send_signal(signal.SIGHUP)
        seen(running, "the old parties, mandates and routes stay: ")
        assert_refused(running.ask("aanleveren", aanlever_body()), "ALS130", "PARTY-ENABLED")


def seen(running: Running, text: str) -> None:
    end = time.monotonic() + 20
    while text not in running.log():
        assert time.monotonic() < end, running.log()[-2_000:]
        time.sleep(0.05)
