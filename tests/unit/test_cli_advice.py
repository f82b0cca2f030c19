"""What the operator's commands say when something is not as it should be, and what to do."""

import json
import shutil
from pathlib import Path

import pytest

from digipoort_wus.config import Config
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.materials import load_materials
from tests.unit.process.sandbox import opened
from tests.unit.test_cli_stored import on, run, said
from tests.wire.conftest import with_pki


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return with_pki(tmp_path / "data")


@pytest.fixture
def restored(data: Path, tmp_path: Path) -> Path:
    """Return a data directory that was restored, with its key ring and without certificates."""
    with opened(data) as house:
        house.accept()
        house.run()
    said("evidence", "seal", *on(data))
    told = said("db", "backup", str(tmp_path / "backup"), *on(data))
    assert f"Neither are the certificates in {data}" in told
    again = tmp_path / "again"
    result = run("db", "restore", str(tmp_path / "backup"), *on(again))
    assert result.exit_code == 0, result.output
    assert "gateway-signing.pem: no backup has certificates" in result.stderr
    shutil.copy(data / "key-ring", again / "key-ring")
    return again


def test_a_restored_sandbox_asks_for_its_certificates_back(restored: Path) -> None:
    with pytest.raises(ConfigurationError, match="put back those that were beside it") as caught:
        load_materials(Config(data_dir=restored))
    assert "remove" not in str(caught.value), "what was restored is in there"
    config = restored.with_suffix(".toml")
    config.write_text(f'data_dir = "{restored}"\n')
    checked = run("config", "check", str(config))
    assert "put back those" in repr(checked.exception) + checked.output
    refused = run("pki", "init", str(restored))
    assert "holds the store of a gateway" in repr(refused.exception) + refused.output


def test_evidence_is_verified_by_named_certificates_where_the_own_one_is_gone(
    restored: Path, data: Path
) -> None:
    for words in (("db", "check"), ("evidence", "verify", "--all")):
        alone = run(*words, *on(restored))
        assert alone.exit_code == 1
        assert "--signer" in alone.output
        said(*words, "--signer", str(data / "gateway-signing.pem"), *on(restored))


def test_a_backup_is_not_made_in_what_it_copies(data: Path) -> None:
    with opened(data) as house:
        house.accept()
    result = run("db", "backup", str(data / "inner" / "backup"), *on(data))
    assert result.exit_code == 1
    assert "would be lost with it" in result.output
    assert not (data / "inner").exists()


def test_what_has_nothing_to_change_is_said_by_its_state(data: Path) -> None:
    with opened(data) as house:
        kenmerk = house.accept().kenmerk
        house.run()
    reason = ("--reason", "case 12", *on(data))
    assert "is not held" in run("filings", "release", kenmerk, *reason).output
    said("filings", "hold", kenmerk, *reason)
    assert "is held already" in run("filings", "hold", kenmerk, *reason).output
    said("filings", "release", kenmerk, *reason)
    judged = run("filings", "resend", kenmerk, *reason).output
    assert "last status is 500" in judged
    assert "purged" not in judged
    said("purge", "--older-than", "1", *on(data))
    assert "was purged: nothing is left" in run("filings", "hold", kenmerk, *reason).output
    assert "it was purged" in run("filings", "resend", kenmerk, *reason).output


def test_a_day_lasts_until_its_end(data: Path) -> None:
    with opened(data) as house:
        house.accept()
        day = f"{house.clock():%Y-%m-%d}"
    for words in (("--until", day), ("--since", day), ("--since", day, "--until", day)):
        assert said("filings", "list", *words, *on(data)).count("\n") == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--since", "2026-11-22T10:00:00"), "a moment with its zone"),
        (("--until", "9999-13-01"), "a moment with its zone"),
        (("--status", "abc"), "no status code; they are 100, 105"),
        (("--sender", "12"), "not an OIN"),
    ],
)
def test_what_no_filing_can_have_is_not_looked_for(
    data: Path, words: tuple[str, str], sentence: str
) -> None:
    result = run("filings", "list", *words, *on(data))
    assert result.exit_code == 2
    assert sentence in result.output


def test_a_file_that_cannot_be_made_is_named_before_anything_is_recorded(
    data: Path, tmp_path: Path
) -> None:
    with opened(data) as house:
        kenmerk = house.accept().kenmerk
        house.run()
    said("evidence", "seal", *on(data))
    there, nowhere = tmp_path / "there", tmp_path / "no" / "where"
    there.touch()
    for target, sentence in ((there, "is there already"), (nowhere, "make it first")):
        for words in (
            ("evidence", "export", kenmerk, "--out", str(target)),
            ("filings", "show", kenmerk, "--content", str(target), "--reason", "asked"),
        ):
            result = run(*words, *on(data))
            assert result.exit_code == 1
            assert sentence in result.output
            assert str(target.parent) in result.output
    with opened(data) as house:
        rows = house.store.read(lambda reader: reader.evidence(kenmerk))
    assert "shown" not in {row.kind for row in rows}


def test_a_draft_that_was_left_is_in_nobodys_way(data: Path, tmp_path: Path) -> None:
    with opened(data) as house:
        kenmerk = house.accept().kenmerk
        house.run()
    said("evidence", "seal", *on(data))
    (tmp_path / ".evidence.zip.part").touch()
    said("evidence", "export", kenmerk, "--out", str(tmp_path / "evidence.zip"), *on(data))


def test_a_program_is_told_by_words_that_stay(data: Path, tmp_path: Path) -> None:
    with opened(data) as house:
        house.accept()
    not_done = run("filings", "hold", "unknown", "--reason", "x", "--json", *on(data))
    assert json.loads(not_done.stdout)["error"] == "not-done"
    nowhere = run("filings", "list", "--json", *on(tmp_path / "nowhere"))
    assert json.loads(nowhere.stdout)["error"] == "configuration"


def test_sizes_have_a_unit(data: Path) -> None:
    with opened(data) as house:
        kenmerk = house.accept().kenmerk
    assert " octets\n" in said("filings", "show", kenmerk, *on(data))
