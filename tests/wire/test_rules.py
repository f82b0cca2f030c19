"""A gateway and its rule engine: what filers and agencies are told, and what an operator sees."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from digipoort_wus.cli.local_gateway import free_port
from digipoort_wus.names import TYPES
from digipoort_wus.pki.testpki import keys_from, make_pki, write_pki
from digipoort_wus.pki.testplan import AGENCY_OIN
from tests.conftest import CERTS_TEST
from tests.messages import XBRL, aanlever_body, query_body
from tests.rules import write_rule
from tests.unit.delivery.agencies import odd
from tests.unit.test_validating import plugged
from tests.wire.conftest import Running, body_of, served, text_of, with_pki

HAPPY = ["105", "100", "110", "200", "301", "301", "405", "400", "500"]
HALF_A_QUARTER = XBRL.replace(b"2026-03-31", b"2026-02-15")
OTHER_NUMBER = XBRL.replace(b"001000044B37", b"002000089B01")
WITHOUT_TAXONOMY = re.sub(b"<link:schemaRef[^>]*/>", b"", XBRL)


def file(running: Running, content: bytes = XBRL, berichtsoort: str = "Omzetbelasting") -> str:
    answer = running.ask("aanleveren", aanlever_body(content, berichtsoort=berichtsoort))
    assert answer.status_code == 200, answer.text
    return text_of(body_of(answer), "kenmerk")


def last_error(running: Running, kenmerk: str) -> tuple[str, str, str]:
    """Return code, text and details of the last status."""
    answer = running.ask("getStatussenProces", query_body("getStatussenProces", kenmerk))
    *_, last = body_of(answer).iter(f"{{{TYPES}}}StatusResultaat")
    names = ("foutcode", "foutbeschrijving", "statusdetails")
    code, text, details = (text_of(last, name) for name in names)
    return code, text, details


def shown(running: Running, kenmerk: str, *more: str) -> str:
    command = [sys.executable, "-m", "digipoort_wus", "filings", "show", kenmerk, *more]
    return subprocess.run(
        [*command, "--data-dir", str(running.directory)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


# --- What the filer is told -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "codes", "code", "words"),
    [
        (OTHER_NUMBER, HAPPY[:4], "IDENTITEIT-ANDERS", "Controleer of dit bericht van deze"),
        (WITHOUT_TAXONOMY, HAPPY[:5], "FR-NL-2.04", "naar precies één rapportagesoort"),
        (b"<!DOCTYPE a><a/>", HAPPY[:4], "XML-DOCTYPE", "zonder DOCTYPE"),
    ],
)
def test_a_wrong_return_ends_in_words_that_a_bookkeeper_understands(
    gateway: Running, content: bytes, codes: list[str], code: str, words: str
) -> None:
    kenmerk = file(gateway, content)
    assert gateway.wait_for(kenmerk, "311") == [*codes, "311"]
    foutcode, text, details = last_error(gateway, kenmerk)
    assert foutcode == "VAS500"
    assert words in text
    results = etree.fromstring(details)
    assert results.tag == "{http://nlvalidatie.nl/batavia}results"
    assert code in [one.get("id") for one in results.iter("{*}msg")]


def test_the_operator_sees_what_ran_and_nothing_of_what_was_filed(gateway: Running) -> None:
    kenmerk = file(gateway, HALF_A_QUARTER)
    assert gateway.wait_for(kenmerk, "500") == HAPPY
    (delivery,) = json.loads(shown(gateway, kenmerk, "--trace", "--json"))["deliveries"]
    envelope, content = delivery["validations"]
    assert (envelope["stage"], envelope["attempt"], envelope["outcome"]) == ("envelope", 1, "valid")
    assert (content["stage"], content["attempt"], content["outcome"]) == ("content", 1, "valid")
    assert [one["code"] for one in content["findings"]] == ["OB-PER"]
    by_rule = {ran["rule"]: ran for ran in content["rules"]}
    assert by_rule["OB-REF"]["came"] == "passed"
    assert by_rule["OB-PER"]["came"] == "failed"
    assert by_rule["OB-REF"]["set"].startswith("nl.bd.omzetbelasting@")
    assert re.fullmatch("[0-9a-f]{8,64}", by_rule["OB-REF"]["digest"])
    text = shown(gateway, kenmerk, "--trace")
    assert re.search(r"content, attempt 1: valid\n", text)
    assert re.search(r"failed +OB-PER +\d+ us +nl\.bd\.omzetbelasting@", text)
    assert "2026-02-15" not in text
    assert "validations" not in shown(gateway, kenmerk, "--json")
    assert "OB-PER" not in shown(gateway, kenmerk)


# --- What the agency is told ------------------------------------------------------------------


def test_warnings_go_to_the_agency_the_same_each_time(tmp_path: Path) -> None:
    pki = make_pki("g1", now=datetime.now(UTC), key_source=keys_from(CERTS_TEST / "g1"))
    write_pki(pki, tmp_path / "data")
    # It never answers, so the filing is delivered again.
    with odd(pki, lambda _: None) as agency:
        config = tmp_path / "gateway.toml"
        config.write_text(
            f'[[agency]]\nname = "odd"\noin = "{AGENCY_OIN}"\nurl = "{agency.url}"\n'
            'berichtsoorten = ["Omzetbelasting"]\n'
        )
        with served(tmp_path / "data", "--config", str(config)) as running:
            kenmerk = file(running, HALF_A_QUARTER)
            running.wait_for(kenmerk, "420")
            requests = [agency.requests.get(timeout=30) for _ in range(2)]
    lists = [re.search(b"<constateringenLijst>.*</constateringenLijst>", one) for one in requests]
    first, second = (one.group() if one else None for one in lists)
    assert first == second
    assert first is not None
    (finding,) = etree.fromstring(first)
    assert finding.findtext("code") == "OB-PER"
    assert "geen hele maand" in (finding.findtext("beschrijving") or "")


# --- What the operator sets -------------------------------------------------------------------


@contextmanager
def with_rules(directory: Path, *lines: str) -> Iterator[tuple[Running, int]]:
    """Run a gateway with [rules] and metrics; give it and the port of the metrics."""
    config, port = directory / "gateway.toml", free_port()
    config.write_text("\n".join((f"[admin]\nport = {port}", "[rules]", *lines, "")))
    with served(with_pki(directory / "data"), "--config", str(config)) as running:
        yield running, port


def figures(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = re.findall(r'^digipoort_wus_rules\{figure="(\w+)"\} (\S+)$', text, re.MULTILINE)
    return {name: float(number) for name, number in found}


def wait_for_log(running: Running, words: str) -> None:
    end = time.monotonic() + 30
    while words not in running.log():
        assert time.monotonic() < end, running.log()
        time.sleep(0.05)


@pytest.mark.parametrize("engine", ["workers", "in-process"])
def test_rule_sets_are_taken_on_sighup_and_bad_ones_are_not(tmp_path: Path, engine: str) -> None:
    sets = tmp_path / "sets"
    write_rule(sets, "Omzetbelasting[.]xbrl", berichtsoort="OBSUP")
    with with_rules(tmp_path, f'engine = "{engine}"', 'sets = ["sets"]') as (running, port):
        assert running.wait_for(file(running, berichtsoort="OBSUP"), "500") == HAPPY
        write_rule(sets, "iets-anders[.]xbrl", berichtsoort="OBSUP", version=2)
        running.process.send_signal(signal.SIGHUP)
        wait_for_log(running, "the rule sets were read anew")
        kenmerk = file(running, berichtsoort="OBSUP")
        assert running.wait_for(kenmerk, "311", "500")[-1] == "311"
        assert "versie 2" in last_error(running, kenmerk)[1]
        (sets / "ours.toml").write_text("id = ")
        running.process.send_signal(signal.SIGHUP)
        wait_for_log(running, "the old rule sets stay")
        kenmerk = file(running, berichtsoort="OBSUP")
        assert running.wait_for(kenmerk, "311", "500")[-1] == "311"
        assert figures(port)["reloads"] == 1
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            ready = answer.read().decode()
        assert ("2 processes for cheap rules" in ready) == (engine == "workers"), ready


def test_a_rule_set_that_cannot_be_used_is_a_sentence_and_no_gateway(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text('[rules]\nsets = ["sets"]\n')
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "ours.toml").write_text("id = ")
    command = [sys.executable, "-m", "digipoort_wus", "serve", "--port", "0"]
    ended = subprocess.run(
        [*command, "--data-dir", str(with_pki(tmp_path / "data")), "--config", str(config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode != 0
    assert "ours.toml" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_one_entry_point_replaces_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    plugged(site, acme="acme_rules:Engine")
    path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))
    monkeypatch.setenv("PYTHONPATH", path)
    with with_rules(tmp_path, 'engine = "acme"') as (running, port):
        # It refuses everything, and says nothing.
        assert running.wait_for(file(running), "311") == [*HAPPY[:4], "311"]
        assert figures(port) == {"asked": 7}


def test_submit_says_in_dutch_what_is_wrong_and_explain_shows_the_rule(
    gateway: Running, tmp_path: Path
) -> None:
    path = tmp_path / "aangifte.xbrl"
    path.write_bytes(WITHOUT_TAXONOMY)
    command = [sys.executable, "-m", "digipoort_wus"]
    where = ["--url", gateway.base, "--pki-dir", str(gateway.directory)]
    what = ["--berichtsoort", "Omzetbelasting", "--wait", "--timeout", "60"]
    submitted = subprocess.run(
        [*command, "submit", str(path), *what, *where],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert submitted.returncode == 3, submitted.stderr
    wrong = r" 311  Validatie niet gelukt\.\n +VAS500: .*rapportagesoort"
    assert re.search(wrong, submitted.stderr)
    assert "\n  - FR-NL-2.04: " in submitted.stderr
    explained = subprocess.run(
        [*command, "rules", "explain", "Omzetbelasting"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "FR-NL-2.04" in explained.stdout
