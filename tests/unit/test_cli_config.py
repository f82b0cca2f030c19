"""What ``config check`` prints of the settings: TOML that says what is in force."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.cli.config_shown import receiver_lines, setting_lines
from digipoort_wus.cli.toml_lines import toml_of
from digipoort_wus.config import Config, IdentityFiles
from digipoort_wus.config_file import KEYS, load_config, needs_restart
from digipoort_wus.filing.party import Party
from digipoort_wus.pki.anchors import AnchorRule
from digipoort_wus.process.authorisation import MailboxMandate, PartyRow
from digipoort_wus.process.routes import Route
from tests.unit.test_config import AGENCY, FULL, load

OIN = "00000099000000002000"
# What a value of the file looks like when it is read and written again.
REWRITTEN: Mapping[str, Callable[[Any], Any]] = {
    "security.mandates": lambda rows: [{"kind": "channel"} | rows[0], rows[1]],
    "trust.crl_hosts": lambda hosts: sorted(
        host.lower() if ":" in host else f"{host.lower()}:80" for host in hosts
    ),
}


def shown(config: Config) -> dict[str, Any]:
    return tomllib.loads("\n".join(setting_lines(config)))


def remarks(config: Config) -> dict[str, str]:
    """Return what is said of each setting, by its key."""
    said = {}
    for line in setting_lines(config):
        key = line.removeprefix("# ").partition(" ")[0].rstrip(":")
        said[key] = line
    return said


def at(table: dict[str, Any], key: str) -> Any:
    return reduce(lambda found, name: found[name], key.split("."), table)


def test_every_setting_has_a_key() -> None:
    assert set(KEYS) == {field.name for field in fields(Config)}


def test_what_is_set_is_printed_as_it_would_be_written(tmp_path: Path) -> None:
    config = load(tmp_path, FULL)
    given, printed = tomllib.loads(FULL), shown(config)
    for setting, key in KEYS.items():
        if setting in ("pki_dir", "tls", "signing", "ca_file", "crl_dir", "data_dir", "parties"):
            continue
        expected = at(given, key)
        if key in REWRITTEN:
            expected = REWRITTEN[key](expected)
        if key == "agency":
            expected[0]["ca"] = str(tmp_path / "agency-ca.pem")
        if key == "rules":
            expected |= {"sets": [f"{tmp_path}/rules", "/srv/rules"], "added": f"{tmp_path}/added"}
        if key == "security.mandates":
            expected[1]["belanghebbende"] = "Fi:***"
        assert at(printed, key) == expected, key
    assert printed["data_dir"] == str(tmp_path / "data")
    assert printed["tls"] == {
        "certificate": str(tmp_path / "tls.pem"),
        "key": str(tmp_path / "tls.key"),
    }
    assert printed["signing"]["password_file"] == str(tmp_path / "signing.password")
    first, second = printed["party"]
    assert first["operations"] == ["aanleveren", "statusinformatie"]
    assert first["belanghebbenden"] == ["Fi:***", "own"]
    assert second == {"oin": "00000099000000003000", "disabled": True, "reason": "contract ended"}


def test_who_gets_what_is_told(tmp_path: Path) -> None:
    assert list(receiver_lines(Config())) == [
        "To agency sandbox: Omzetbelasting, ICP, OBSUP, Aangifte_LH, TEST and 1 more."
    ]
    assert list(receiver_lines(load(tmp_path, FULL))) == [
        "To agency belastingdienst: Omzetbelasting, ICP.",
        "To agency sandbox: Proef.",
    ]
    first = next(receiver_lines(load(tmp_path, AGENCY)))
    assert first == "To agency there: no berichtsoort."
    many = "".join(f'[[route]]\nberichtsoort = "X{number}"\n' for number in range(3))
    (line,) = receiver_lines(load(tmp_path, many))
    assert line.endswith(", TEST and 4 more.")


def test_nothing_of_python_and_no_number_of_a_person_is_printed(tmp_path: Path) -> None:
    lines = "\n".join((*setting_lines(load(tmp_path, FULL)), *setting_lines(Config())))
    for word in ("None", "True", "False", "datetime", "frozenset", "PartyRow", "('", "Path("):
        assert word not in lines
    assert "001000044B37" not in lines


def test_defaults_show_what_is_in_force() -> None:
    printed = shown(Config())
    assert printed["trust"]["ca"] == "digipoort-wus-data/ca.pem"
    assert printed["tls"]["key"] == "digipoort-wus-data/gateway-tls.key"
    assert printed["security"]["explain_faults"] is True
    assert all("# default" in line or line.startswith("# ") for line in setting_lines(Config()))


WITHOUT_EFFECT = {
    "pki_dir": (FULL, "production uses no test certificates"),
    "trust.crl_proxy": ('[trust]\ncrl_proxy = "http://localhost:3128"\n', "no CRL is fetched"),
    "security.unsafe_accept_sha1": ('[security]\nunsafe_accept_sha1 = "x"\n', "accepts SHA-1"),
    "process.unsafe_sandbox_agency": ('[process]\nunsafe_sandbox_agency = "x"\n', "a sandbox"),
    "store.unsafe_url": ('[store]\nunsafe_url = "x"\n', "store.url is not set"),
    "admin.host": ('[admin]\nhost = "::1"\n', "admin.port is not set"),
    "admin.unsafe_host": (
        '[admin]\nport = 9100\nunsafe_host = "x"\n',
        "an address of this machine alone",
    ),
    "tls.password_file": (
        '[tls]\ncertificate = "a"\nkey = "b"\npassword_file = "c"\n',
        "only pkcs12",
    ),
}


@pytest.mark.parametrize("key", WITHOUT_EFFECT)
def test_what_is_not_in_force_is_a_comment_with_the_reason(tmp_path: Path, key: str) -> None:
    text, reason = WITHOUT_EFFECT[key]
    config = load(tmp_path, text)
    line = remarks(config)[key]
    assert line.startswith(f"# {key} = ")
    assert "# not in force: " in line
    assert reason in line
    with pytest.raises(KeyError):
        at(shown(config), key)


def test_a_test_pki_that_nobody_looks_at_is_not_in_force() -> None:
    files = IdentityFiles(Path("a"), Path("b"))
    config = Config(tls=files, signing=files, ca_file=Path("c"), crl_dir=Path("d"))
    assert "name every file" in remarks(config)["pki_dir"]
    assert "not in force" not in remarks(replace(config, crl_dir=None))["pki_dir"]


def test_of_many_values_the_number_is_told() -> None:
    rows = tuple(PartyRow(f"000000990000000{number:02}000", disabled="x") for number in range(6))
    config = Config(
        crl_urls=tuple(f"http://localhost/{number}" for number in range(6)), parties=rows
    )
    assert remarks(config)["trust.crl_urls"].startswith("# trust.crl_urls: 6 of them")
    assert "party" not in shown(config)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_the_same_when_read_again(text: str) -> None:
    assert tomllib.loads(f"x = {toml_of(text)}")["x"] == text


def test_every_kind_of_value_is_the_same_when_read_again() -> None:
    moment = datetime(2028, 11, 13, 23, tzinfo=UTC)
    values = {"a": True, "b": 1, "c": moment, "d": [{"e": "f"}, []], "g": Path("h/i")}
    expected = {**values, "g": "h/i"}
    assert tomllib.loads(f"x = {toml_of(values)}")["x"] == expected
    with pytest.raises(TypeError):
        toml_of(None)


# --- What needs a restart -----------------------------------------------------------


def test_what_a_running_gateway_takes_over_needs_no_restart() -> None:
    rows = (PartyRow(OIN, disabled="x"),)
    mailboxes = frozenset({MailboxMandate(OIN, Party("1", "Fi"))})
    assert needs_restart(Config(), Config()) == ()
    taken_over = Config(parties=rows, mailboxes=mailboxes, routes=(Route("X"),))
    assert needs_restart(Config(), taken_over) == ()


def test_every_other_change_is_named_without_its_value(tmp_path: Path) -> None:
    changed = load(tmp_path, FULL)
    named = needs_restart(Config(), changed)
    assert set(named) == set(KEYS.values()) - {"party", "route", "security.mandates"} | {
        "security.mandates (channel)"
    }
    assert needs_restart(Config(), Config(port=1, anchor_rules=(AnchorRule("ab" * 32),))) == (
        "listen.port",
        "trust.anchors",
    )
    assert "clients of 2019" not in str(named)


def test_the_same_file_read_again_is_the_same(tmp_path: Path) -> None:
    config = load(tmp_path, FULL)
    assert needs_restart(config, load_config(tmp_path / "gateway.toml")) == ()
