"""The operator's commands over data directories and a database, in this process."""

import json
import os
import pwd
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from digipoort_wus.cli import stored
from digipoort_wus.cli.main import digipoort_wus_command
from digipoort_wus.filing.content import read_content
from digipoort_wus.store.ebms_values import EbmsWanted
from digipoort_wus.store.keyfile import read_key_ring
from tests.unit.process.sandbox import DELIVERY, opened, scenario
from tests.unit.store.ebms_samples import incoming, receive
from tests.unit.store.test_upgrade import COPY, restored
from tests.wire.conftest import with_pki

AWAITED = "WachtOpUitvragendePartij"


def run(*words: str) -> Result:
    return CliRunner().invoke(digipoort_wus_command, words)


def said(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.stdout


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return with_pki(tmp_path / "data")


def on(data: Path) -> tuple[str, str]:
    return ("--data-dir", str(data))


def test_a_directory_of_version_3_is_upgraded_by_the_command(tmp_path: Path) -> None:
    directory = restored(with_pki(tmp_path / "old"), 3)
    result = run("filings", "list", *on(directory))
    assert result.exit_code == 1
    assert "db upgrade" in result.output
    assert said("db", "upgrade", *on(directory)) == "The store went from schema 3 to schema 6.\n"
    assert (directory / COPY).exists()
    assert said("db", "upgrade", *on(directory)) == "The store is up to date: schema 6.\n"
    listed = json.loads(said("filings", "list", "--json", *on(directory)))["filings"]
    assert len(listed) >= 3
    assert said("db", "check", *on(directory)).endswith(" 0 problems.\n")
    # Filings from before have no evidence; what an operator decides about them has.
    done = next(one["kenmerk"] for one in listed if one["status"] == "500")
    said("filings", "hold", done, "--reason", "a dispute", *on(directory))
    assert "1 chain, 1 entry" in said("evidence", "verify", done, *on(directory))


def test_a_directory_without_a_store_is_not_made(tmp_path: Path) -> None:
    for words in (
        ("filings", "list"),
        ("filings", "cancel", "x", "--reason", "y"),
        ("db", "check"),
        ("db", "upgrade"),
        ("db", "backup", str(tmp_path / "backup")),
        ("evidence", "verify", "--all"),
        ("purge", "--older-than", "1"),
    ):
        result = run(*words, *on(tmp_path / "nothing"))
        assert result.exit_code == 1, words
        assert not (tmp_path / "nothing").exists()
        assert not (tmp_path / "backup").exists()


def test_pages_of_filings_follow_each_other(data: Path) -> None:
    with opened(data) as house:
        kenmerken = [house.accept().kenmerk for _ in range(5)]
    found: list[str] = []
    before: tuple[str, ...] = ()
    while True:
        page = json.loads(said("filings", "list", "--json", "--limit", "2", *before, *on(data)))
        found += [one["kenmerk"] for one in page["filings"]]
        if page["before"] is None:
            break
        before = ("--before", str(page["before"]))
    assert found == kenmerken[::-1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--status", "400"), 1),
        (("--status", "500"), 1),
        (("--berichtsoort", "Omzetbelasting"), 2),
        (("--berichtsoort", "Else"), 0),
        (("--sender", "00000099000000000000"), 0),
        (("--since", "2026-03-01"), 2),
        (("--since", "2026-03-02"), 0),
        (("--until", "2026-02-28"), 0),
        (("--aside",), 0),
    ],
)
def test_filings_are_selected(data: Path, words: tuple[str, ...], expected: int) -> None:
    with opened(data) as house:
        house.accept()
        house.accept(scenario(AWAITED))
        house.run()
    listed = json.loads(said("filings", "list", "--json", *words, *on(data)))["filings"]
    assert len(listed) == expected


def test_contents_are_shown_on_request_only_and_that_is_recorded(
    data: Path, tmp_path: Path
) -> None:
    with opened(data) as house:
        kenmerk = house.accept().kenmerk
        house.run()
    octets = read_content(DELIVERY.document.content)
    for words in (("filings", "show", kenmerk), ("filings", "show", kenmerk, "--json")):
        shown = said(*words, *on(data))
        assert octets.decode() not in shown
        assert str(len(octets)) in shown
    out = tmp_path / "content.xml"
    assert run("filings", "show", kenmerk, "--content", str(out), *on(data)).exit_code == 2
    assert not out.exists()
    said("filings", "show", kenmerk, "--content", str(out), "--reason", "asked", *on(data))
    assert out.read_bytes() == octets
    assert out.stat().st_mode & 0o077 == 0
    with opened(data) as house:
        rows = house.store.read(lambda reader: reader.evidence(kenmerk))
    assert rows[-1].kind == "shown"


def test_a_key_is_rotated_and_the_old_one_is_not_needed(data: Path) -> None:
    with opened(data) as house:
        kenmerk = house.accept().kenmerk
        house.run()
    (old,) = read_key_ring(data / "key-ring").keys
    told = said("db", "rotate-key", *on(data))
    ring = read_key_ring(data / "key-ring")
    assert ring.current != old
    assert f"Nothing in the store needs {old} any more" in told
    first, *_ = (data / "key-ring").read_bytes().splitlines(keepends=True)
    (data / "key-ring").write_bytes(first)
    said("filings", "show", kenmerk, *on(data))
    assert said("evidence", "verify", kenmerk, *on(data)).endswith("Everything holds.\n")


def test_what_is_damaged_is_named(data: Path) -> None:
    with opened(data) as house:
        kenmerk = house.accept().kenmerk
        house.run()
    assert said("db", "check", *on(data)).endswith(" 0 problems.\n")
    with sqlite3.connect(data / "digipoort.db") as connection:
        connection.execute("UPDATE payload SET content = zeroblob(length(content)) WHERE id = 1")
    connection.close()
    result = run("db", "check", *on(data))
    assert result.exit_code == 1
    assert "payload 1: it is not what was stored" in result.stdout
    assert "[EVIDENCE-KEPT-CHANGED]" in result.stdout
    assert kenmerk in result.stdout


def test_a_store_in_use_is_not_changed(data: Path) -> None:
    with opened(data) as house:
        kenmerk = house.accept().kenmerk
        for words in (
            ("filings", "cancel", kenmerk, "--reason", "asked"),
            ("purge", "--older-than", "1"),
            ("db", "rotate-key"),
            ("evidence", "seal"),
        ):
            result = run(*words, *on(data))
            assert result.exit_code == 1
            assert "stop it" in result.output
        assert house.codes(kenmerk) == ["105", "100", "110"]
    assert len(read_key_ring(data / "key-ring").keys) == 1


def test_a_reason_is_a_reason(data: Path) -> None:
    with opened(data) as house:
        kenmerk = house.accept().kenmerk
    assert run("filings", "cancel", kenmerk, "--reason", "  ", *on(data)).exit_code == 2
    assert "cancelled" in said("filings", "cancel", kenmerk, "--reason", "asked", *on(data))
    told = json.loads(said("filings", "list", "--json", *on(data)))["filings"]
    assert [one["status"] for one in told] == ["230"]


def test_an_export_writes_over_nothing_and_wants_what_is_sealed(data: Path, tmp_path: Path) -> None:
    with opened(data) as house:
        kenmerk = house.accept().kenmerk
        house.run()
    out = tmp_path / "evidence.zip"
    early = run("evidence", "export", kenmerk, "--out", str(out), *on(data))
    assert early.exit_code == 1
    assert "not sealed yet" in early.output
    assert not list(tmp_path.glob("*evidence*"))
    said("evidence", "seal", *on(data))
    said("evidence", "export", kenmerk, "--out", str(out), *on(data))
    octets = out.read_bytes()
    assert out.stat().st_mode & 0o077 == 0
    assert run("evidence", "export", kenmerk, "--out", str(out), *on(data)).exit_code == 1
    assert out.read_bytes() == octets
    assert "unknown" in run("evidence", "verify", "unknown", *on(data)).output


def test_the_commands_know_postgresql(data: Path, tmp_path: Path, postgres_database: str) -> None:
    payloads = tmp_path / "payloads"
    ring = tmp_path / "ring"
    with opened(payloads, database=postgres_database) as house:
        kenmerk = house.accept().kenmerk
        # The same key as the sandbox of these tests has.
        ring.write_text("A" * 43 + "=\n")
        ring.chmod(0o600)
        parts = dict(part.split("=", 1) for part in postgres_database.split())
        url = f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}"
        config = tmp_path / "gateway.toml"
        config.write_text(
            f'data_dir = "{data}"\n[store]\nurl = "{url}"\n'
            f'payloads = "{payloads}"\nkey_ring = "{ring}"\n'
        )
        where = ("--config", str(config))
        assert said("db", "upgrade", *where) == "The store is up to date: schema 6.\n"
        assert kenmerk in said("filings", "list", *where)
        # Beside whoever works on it.
        assert "230" in said("filings", "cancel", kenmerk, "--reason", "asked", *where)
        assert house.codes(kenmerk)[-1] == "230"
        said("evidence", "seal", *where)
        assert said("evidence", "verify", "--all", *where).endswith("Everything holds.\n")
        assert said("db", "check", *where).endswith(" 0 problems.\n")
        assert "1 filing and 0 payload files" in said("db", "backup", str(tmp_path / "b"), *where)
        assert "0 payload files" in said("db", "backup", str(tmp_path / "d"), "--dumped", *where)
        again = run("db", "restore", str(tmp_path / "b"), *where)
        assert "holds a store already" in again.output
        assert "--step add" in run("db", "rotate-key", *where).output
        said("db", "rotate-key", "--step", "add", *where)
        wrapped = said("db", "rotate-key", "--step", "wrap", *where)
        assert "1 secret was wrapped" in wrapped
        # The house has the old ring in memory, and goes on under it.
        assert "not restarted since --step add still wraps" in wrapped
        house.accept()
        assert "1 secret was wrapped" in said("db", "rotate-key", "--step", "wrap", *where)


RULES = """
[retention]
default_days = 30
[[retention.rule]]
berichtsoort = "ICP"
days = 10
"""


def retained(data: Path, text: str = RULES) -> tuple[str, ...]:
    """Return the options that name a configuration with rules."""
    config = data.with_suffix(".toml")
    config.write_text(f'data_dir = "{data}"\n{text}')
    return ("--config", str(config))


def test_a_purge_goes_by_the_rules_of_the_configuration(data: Path) -> None:
    with opened(data) as house:
        for number in range(3):
            house.accept(replace(DELIVERY, berichtsoort="ICP" if number else "Omzetbelasting"))
        house.accept(scenario(AWAITED))
        house.run_until_quiet()
    where = retained(data)
    told = json.loads(said("purge", "--dry-run", "--json", *where))
    names = ("retention: ICP, 10 days", "retention: default, 30 days")
    rules = [{"rule": name, "filings": number} for name, number in zip(names, (2, 1), strict=True)]
    assert told == {"filings": 3, "files": 0, "dry_run": True, "rules": rules}
    assert said("purge", "--dry-run", *where).splitlines() == [
        f"{names[0]}: 2",
        f"{names[1]}: 1",
        "3 filings would be purged.",
    ]
    assert json.loads(said("purge", "--json", *where)) == {**told, "dry_run": False}
    assert said("purge", *where).endswith("0 filings were purged.\n")
    listed = json.loads(said("filings", "list", "--json", *where))["filings"]
    assert [one["purged_at"] is None for one in listed] == [True, False, False, False]
    assert listed[0]["status"] == "400"
    said("evidence", "seal", *where)
    assert said("evidence", "verify", "--all", *where).endswith("Everything holds.\n")


def test_without_rules_a_purge_wants_to_be_told(data: Path) -> None:
    with opened(data) as house:
        house.accept()
    for where in (on(data), retained(data, "")):
        result = run("purge", *where)
        assert result.exit_code == 1
        assert "There is no rule under retention" in result.output
    assert run("purge", "--berichtsoort", "ICP", *retained(data)).exit_code == 2


def test_who_decides_is_the_account_that_the_system_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert stored.decision("because").operator == pwd.getpwuid(os.getuid()).pw_name
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    assert stored.decision("because").operator == "user 4000000000"


def test_a_purge_forgets_messages_of_ebms_too(data: Path) -> None:
    config = data.parent / "gateway.toml"
    config.write_text(f'data_dir = "{data}"\n[retention]\nebms_days = 1\n[ebms]\n')
    with opened(data) as house:
        for number in range(25):
            receive(house.store, incoming(f"{number}@them", event=None, settled=True))
        receive(house.store, incoming("waits@them", event=None))
    where = ("--config", str(config))
    assert said("purge", "--dry-run", *where) == "0 filings would be purged.\n"
    told = json.loads(said("purge", "--json", *where))
    assert told == {"filings": 0, "files": 0, "ebms_messages": 25, "dry_run": False, "rules": []}
    assert said("purge", *where).endswith("Messages of ebMS that were purged: 0\n")
    with opened(data) as house:
        left = house.store.read(lambda reader: reader.ebms_messages(EbmsWanted()))
    assert [row.head.key.message_id for row in left] == ["waits@them"]
