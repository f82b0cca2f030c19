import json
import re
import tomllib
from datetime import timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from digipoort_wus.cli import pki as command
from digipoort_wus.clock import system_clock
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.pki import anchors
from digipoort_wus.pki.anchors import KnownRoot, fingerprint_of
from digipoort_wus.pki.identity import load_certificates
from digipoort_wus.pki.issue import issue_certificate
from digipoort_wus.pki.testpki import TestPki, keys_from, write_pki
from tests.unit.pki.scenarios import CERTS_TEST, SPARE_KEY, subject, template_of


def run(*arguments: str) -> str:
    result = CliRunner().invoke(command.pki, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_init_then_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "fresh_key", keys_from(CERTS_TEST / "g4"))
    directory = tmp_path / "pki"
    result = CliRunner().invoke(
        command.pki, ["init", str(directory), "--generation", "g4", "--valid-days", "30"]
    )
    assert result.exit_code == 0
    assert "Making the key of root-lp (RSA-4096)" in result.stderr
    assert f"Next: digipoort-wus pki show {directory}" in " ".join(result.stdout.split())
    assert "vendor-a-sign" in result.stdout
    text = run("show", str(directory))
    assert "purpose  TLS client (test)\n" in text
    assert "29 days left" in text
    with pytest.raises(ConfigurationError, match="not empty"):
        run("init", str(directory))


def test_show_json() -> None:
    shown = json.loads(run("show", "--json", str(CERTS_TEST / "g4")))
    by_file = {entry["file"]: entry for entry in shown}
    sign = by_file["vendor-a-sign.pem"]
    assert sign["oin"] == "00000099000000002000"
    assert sign["purposes"] == ["signing (test)"]
    assert sign["days_left"] > 5 * 365
    assert by_file["ca.pem"]["purposes"] == ["CA"]
    assert by_file["ca.pem"]["oin"] is None
    assert by_file["vendor-expired.pem"]["days_left"] < -29


def test_show_file_lists_the_whole_chain() -> None:
    text = run("show", str(CERTS_TEST / "g1" / "vendor-a.pem"))
    assert text.count("vendor-a.pem\n") == 3
    assert "serialNumber=00000099000000002000" in text
    assert "expired" not in text
    expired = load_certificates(CERTS_TEST / "g1" / "vendor-expired.pem")[0]
    days = (system_clock() - expired.not_valid_after_utc) // timedelta(days=1)
    text = run("show", str(CERTS_TEST / "g1" / "vendor-expired.pem"))
    assert f"expired {days} days ago" in text


def test_wrong_then_show(g1: TestPki, tmp_path: Path) -> None:
    directory = tmp_path / "pki"
    write_pki(g1, directory)
    text = run("wrong", str(directory))
    folder = directory / "wrong"
    rows = tomllib.loads((folder / "wrong.toml").read_text())["wrong"]
    assert f"Wrote {len(rows)} certificates to {folder}" in text
    assert f'ca = "{folder / "ca.pem"}"' in text
    assert f'crls = "{folder / "crl"}"' in text
    shown = run("show", str(folder / "oin-suffix-001.pem"))
    assert "remark   not the form that tests has behind 00000099" in shown
    assert "remark" not in run("show", str(directory / "vendor-a.pem"))
    with pytest.raises(ConfigurationError, match="not empty"):
        run("wrong", str(directory))


def test_what_cannot_be_read_is_named_and_the_rest_is_shown(g1: TestPki, tmp_path: Path) -> None:
    directory = tmp_path / "pki"
    write_pki(g1, directory)
    run("wrong", str(directory))
    folder = directory / "wrong"
    (folder / "a-text.pem").write_text("no certificate")
    result = CliRunner().invoke(command.pki, ["show", str(folder)], catch_exceptions=False)
    assert result.exit_code == 1
    files = sorted(file.name for file in folder.glob("*.pem"))
    assert [line for line in result.stdout.splitlines() if not line.startswith(" ")] == [*files]
    assert "a-text.pem\n  error    " in result.stdout
    assert "name-bit-string.pem\n  error    It holds a certificate that cannot" in result.stdout
    assert re.search(rf"Error: [0-9]+ of {len(files)} cannot be read\.", result.stderr)
    result = CliRunner().invoke(command.pki, ["show", "--json", str(folder)])
    assert result.exit_code == 1
    shown = json.loads(result.stdout)
    assert [entry["file"] for entry in shown] == files
    errors = [entry["file"] for entry in shown if "error" in entry]
    assert {"a-text.pem", "name-bit-string.pem"} <= set(errors)
    assert len(errors) < 5
    alone = CliRunner().invoke(command.pki, ["show", str(folder / "name-bit-string.pem")])
    assert (alone.exit_code, "cannot be read" in alone.stdout) == (1, True)


def test_wrong_needs_a_hierarchy(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"ca\.pem cannot be read"):
        run("wrong", str(tmp_path))


def test_known_roots_are_named(
    g1: TestPki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pki(g1, tmp_path / "pki")
    named = {fingerprint_of(g1.ca_certificates[0]): KnownRoot("a root", None, "this test")}
    monkeypatch.setattr(anchors, "KNOWN_ROOTS", named)
    text = run("show", str(tmp_path / "pki" / "ca.pem"))
    assert text.count("remark   its fingerprint is that of a root (this test)") == 1


def test_foreign_subjects_do_not_steer_the_terminal(g1: TestPki, tmp_path: Path) -> None:
    template = template_of(g1)
    evil = type(template)(
        subject("\x1b[2J\u202e"), template.not_before, template.not_after, template.extensions
    )
    leaf = issue_certificate(evil, SPARE_KEY.public_key(), g1.authorities["issuing-ca"])
    assert isinstance(leaf, x509.Certificate)
    path = tmp_path / "evil.pem"
    path.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    text = run("show", str(path))
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_show_needs_certificates(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no \.pem file"):
        run("show", str(tmp_path))
    with pytest.raises(ConfigurationError, match="no certificate that can be read"):
        run("show", str(CERTS_TEST / "g1" / "README"))


def test_group_is_found_by_the_command_line() -> None:
    assert isinstance(command.pki, click.Group)
    assert set(command.pki.commands) == {"init", "show", "wrong"}
