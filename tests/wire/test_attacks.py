"""The attack corpus over real mutual TLS: what only a connection shows, and the command."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from digipoort_wus.clock import system_clock
from digipoort_wus.config_file import load_config
from digipoort_wus.conformance import attacks, octet_steps
from digipoort_wus.conformance.attacks import Result, Run, Verdict, endpoint_at
from digipoort_wus.conformance.cases import Case, cases_directory, load_cases
from digipoort_wus.conformance.cost import Meter
from digipoort_wus.conformance.parties import Files, Parties
from digipoort_wus.pki.testpki import keys_from, make_pki, write_pki
from digipoort_wus.pki.wrong import write_wrong
from digipoort_wus.testing.sandbox import sandbox_gateway
from tests.conftest import CERTS_TEST
from tests.wire.conftest import Running, end, served, spawn, with_pki

CASES = load_cases(cases_directory())
# What tests/unit/conformance runs without a network is here only once a family.
SLOW = 30


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    scratch = tmp_path_factory.mktemp("attacked")
    pki = make_pki("g1", now=system_clock(), key_source=keys_from(CERTS_TEST / "g1"))
    write_pki(pki, scratch / "pki")
    write_wrong(pki, scratch / "pki", now=system_clock())
    wanted = (cases_directory() / "sandbox.toml").read_text()
    trust = '[trust]\nca = "pki/wrong/ca.pem"\ncrls = "pki/wrong/crl"\n'
    (scratch / "gateway.toml").write_text(f"{wanted}\n{trust}")
    running = spawn(
        scratch / "data",
        "--pki-dir",
        str(scratch / "pki"),
        "--config",
        str(scratch / "gateway.toml"),
    )
    yield running
    end(running)
    running.process.wait(30)


def run(running: Running, *, meter: Meter | None = None) -> Run:
    directory = running.directory.parent / "pki"
    return Run(
        endpoint_at(running.base),
        Parties(directory / "ca.pem", None, directory),
        system_clock,
        told=True,
        meter=meter,
    )


def sample() -> list[Case]:
    """Return what needs a connection or a store, and the first of each family."""
    families: set[str] = set()
    chosen = []
    for case in CASES:
        first = case.family not in families
        families.add(case.family)
        alone = case.family in ("framing", "party", "replay", "contract", "http")
        if (first or alone or not case.by_message) and case.seconds <= SLOW:
            chosen.append(case)
    return chosen


def test_every_case_that_needs_a_connection_ends_as_it_must(attacked: Running) -> None:
    meter = Meter(attacked.process.pid)
    results = list(run(attacked, meter=meter).results(sample()))
    wrong = {
        result.case.id: f"{result.verdict.value}: {result.outcome} {result.note}"
        for result in results
        # Cost is judged by `tox -e attacks`: other tests may run on this machine.
        if not result.verdict.is_good and result.verdict is not Verdict.TOO_COSTLY
    }
    assert wrong == {}
    assert len(results) > 150
    assert all(result.cost is not None for result in results if result.milliseconds)


def test_the_command_tells_good_from_bad(attacked: Running, tmp_path: Path) -> None:
    directory = attacked.directory.parent / "pki"
    cases = tmp_path / "cases" / "own"
    cases.mkdir(parents=True)
    text = 'title = "Signed as usual."\n[[step]]\ndo = "sign"\n'
    (cases / "right.toml").write_text(text)
    (cases / "wrong.toml").write_text(text + '[expect]\ncheck = "WSS-DIGEST"\n')
    command = [sys.executable, "-m", "digipoort_wus", "conformance", "attack", attacked.base]
    command += ["--pki-dir", str(directory), "--cases", str(tmp_path / "cases"), "--json"]
    good = subprocess.run([*command, "--only", "right"], capture_output=True, check=False)
    assert good.returncode == 0, good.stderr
    assert json.loads(good.stdout)["good"] is True
    bad = subprocess.run(
        [*command, "--junit", str(tmp_path / "junit.xml")], capture_output=True, check=False
    )
    assert bad.returncode == 3
    rows = json.loads(bad.stdout)["cases"]
    assert [(row["id"], row["verdict"]) for row in rows] == [
        ("right", "as-expected"),
        ("wrong", "wrong"),
    ]
    assert 'failures="1"' in (tmp_path / "junit.xml").read_text()


def test_with_one_certificate_only_what_needs_another_is_left_out(attacked: Running) -> None:
    directory = attacked.directory.parent / "pki"
    sender = Files(directory / "vendor-a.pem", directory / "vendor-a.key")
    alone = Run(
        endpoint_at(attacked.urls[0]), Parties(directory / "ca.pem", sender, None), system_clock
    )
    cases = [case for case in CASES if case.id in ("token-20-other-signer", "unsigned-01-body")]
    assert {result.case.id: result.verdict for result in alone.results(cases)} == {
        "token-20-other-signer": Verdict.SKIPPED,
        "unsigned-01-body": Verdict.AS_EXPECTED,
    }


def parties(running: Running, directory: Path, rows: Path | None) -> dict[str, Result]:
    """Run the cases about parties for which the ordinary test PKI has certificates."""
    about = [case for case in CASES if case.family == "party"]
    attack = Run(
        endpoint_at(running.base),
        Parties(directory / "ca.pem", None, directory),
        system_clock,
        told=True,
        rows=rows,
    )
    return {
        result.case.id: result
        for result in attack.results(about)
        if "no certificate" not in result.note
    }


def test_without_its_row_a_party_cannot_be_judged(tmp_path: Path, attacked: Running) -> None:
    rows = cases_directory() / "sandbox.toml"
    with served(with_pki(tmp_path / "data")) as running:
        found = parties(running, tmp_path / "data", rows)
        assert {name: result.verdict for name, result in found.items()} == {
            "party-01-disabled": Verdict.SKIPPED,
            "party-02-disabled-asks": Verdict.SKIPPED,
            "party-06-rate": Verdict.SKIPPED,
            "party-08-kenmerk-of-another": Verdict.AS_EXPECTED,
        }
        assert f"add the [[party]] rows of {rows}" in found["party-01-disabled"].note
        # Whose gateway should have the rows is told that it lets everybody in.
        found = parties(running, tmp_path / "data", None)
        assert found["party-01-disabled"].verdict is Verdict.WRONG
    # On a gateway of its own: of the minute that others have used up it would see the end.
    pki = attacked.directory.parent / "pki"
    config = pki.parent / "gateway.toml"
    given = ("--pki-dir", str(pki), "--config", str(config))
    with served(tmp_path / "with-rows", *given) as running:
        found = parties(running, pki, rows)
    assert {result.verdict for result in found.values()} == {Verdict.AS_EXPECTED}
    assert len(found) == 8


def test_the_same_again_within_a_minute_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run has used up this minute's requests of the party that has a limit."""
    (case,) = (case for case in CASES if case.id == "party-06-rate")
    with sandbox_gateway(tmp_path / "data") as sandbox:
        waited: list[float] = []

        def wait(seconds: float) -> None:
            waited.append(seconds)
            sandbox.clock.move(timedelta(seconds=seconds))

        sandbox.gateway.authorise(load_config(cases_directory() / "sandbox.toml").authorisations)
        # Not where the clock of the gateway turns to the next minute by itself.
        sandbox.clock.freeze(system_clock().replace(second=5, microsecond=0))
        turned = SimpleNamespace(
            sleep=wait, time=lambda: sandbox.clock().timestamp(), monotonic=time.monotonic
        )
        for module in (attacks, octet_steps):
            monkeypatch.setattr(module, "time", turned)
        attack = Run(
            endpoint_at(sandbox.urls[0]),
            Parties(sandbox.directory / "ca.pem", None, sandbox.directory),
            sandbox.clock,
            told=True,
        )
        verdicts = [result.verdict for result in attack.results([case, case])]
    assert verdicts == [Verdict.AS_EXPECTED, Verdict.AS_EXPECTED]
    assert waited == [55]


def test_a_row_that_is_not_kept_is_wrong_all_the_same(tmp_path: Path) -> None:
    """The party has a row, as the probe finds, and files more than the cases' row allows."""
    rows = cases_directory() / "sandbox.toml"
    wanted = rows.read_text().replace("requests_per_minute = 2", "requests_per_minute = 20")
    (tmp_path / "gateway.toml").write_text(wanted)
    with served(with_pki(tmp_path / "data"), "--config", str(tmp_path / "gateway.toml")) as running:
        found = parties(running, tmp_path / "data", rows)
    assert found["party-06-rate"].verdict is Verdict.WRONG
    assert found["party-01-disabled"].verdict is Verdict.AS_EXPECTED


def test_a_list_is_printed_for_machines_too() -> None:
    command = [sys.executable, "-m", "digipoort_wus", "conformance", "attack", "--list"]
    command += ["--json", "--family", "xsw"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = json.loads(ended.stdout)["cases"]
    assert [row["id"] for row in rows] == [case.id for case in CASES if case.family == "xsw"]
    assert rows[0]["family"] == "xsw"
    assert rows[0]["sent"].endswith(".")
    assert rows[0]["expected"].startswith("fault 500 ")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), 2, "Give the URL of a gateway"),
        (("--sandbox", "https://localhost:1"), 2, "--sandbox brings its own"),
        (("https://localhost:1", "--only", "nothing-*"), 2, "No case matches"),
        (("https://localhost:1", "--family", "nothing"), 2, "No family 'nothing'"),
        (("https://localhost:1", "--pki-dir", str(CERTS_TEST / "g1")), 1, "does not answer"),
        (("ftp://localhost", "--pki-dir", str(CERTS_TEST / "g1")), 1, "is no https URL"),
        (("--list", "--only", "xsw-01*"), 0, "xsw-01-body-in-header-wrapper"),
    ],
)
def test_wrong_use_is_a_sentence(arguments: tuple[str, ...], status: int, said: str) -> None:
    command = [sys.executable, "-m", "digipoort_wus", "conformance", "attack", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == status, ended.stderr
    assert said in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
