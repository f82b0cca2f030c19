"""Who may ask over ebMS, and where: what a configuration may say."""

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from digipoort_wus.cli.config_shown import setting_lines
from digipoort_wus.cli.ebms import ebms
from digipoort_wus.config_file import load_config, needs_restart
from digipoort_wus.delivery.backend_settings import BackendSettings, BackendToken
from digipoort_wus.errors import ConfigurationError

DIGEST, OTHER = "0" * 64, "f" * 64
ROW = f'[[ebms.backend.token]]\nname = "erp"\nsha256 = "{DIGEST}"\n'
OIN = "00000099000000001000"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    return path


def backend(tmp_path: Path, text: str) -> BackendSettings:
    settings = load_config(written(tmp_path, f"[ebms.backend]\n{text}")).ebms
    assert settings is not None
    assert settings.backend is not None
    return settings.backend


def test_what_is_left_out_is_safe(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, "[ebms]\n")).ebms is not None
    assert getattr(load_config(written(tmp_path, "[ebms]\n")).ebms, "backend", "") is None
    found = backend(tmp_path, f"port = 8447\n{ROW}")
    assert found == BackendSettings(8447, tokens=(BackendToken("erp", DIGEST),))
    assert (found.host, found.tls, found.tokens[0].agreements) == ("127.0.0.1", False, False)


def test_others_connect_with_a_certificate(tmp_path: Path) -> None:
    more = f'host = "192.0.2.1"\ntls = true\nclients = ["{OIN}"]\n'
    found = backend(tmp_path, f"port = 0\n{more}{ROW}agreements = true\n")
    assert (found.tls, found.clients, found.is_loopback) == (True, frozenset({OIN}), False)
    assert found.tokens[0].agreements


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_needs_no_tls(tmp_path: Path, host: str) -> None:
    assert backend(tmp_path, f'port = 1\nhost = "{host}"\n{ROW}').is_loopback


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ROW, "port is needed"),
        (f"port = 70000\n{ROW}", "0 to 65535"),
        ("port = 1\n", "needs an [[ebms.backend.token]]"),
        (f'port = 1\nhost = ""\n{ROW}', "host is an address"),
        (f'port = 1\nhost = "0.0.0.0"\n{ROW}', "no loopback address"),
        (f'port = 1\nhost = "example.nl"\n{ROW}', "no loopback address"),
        (f'port = 1\nhost = "192.0.2.1"\ntls = true\n{ROW}', "go together"),
        (f'port = 1\nclients = ["{OIN}"]\n{ROW}', "go together"),
        (f'port = 1\nclients = ["x"]\n{ROW}', "clients"),
        (f"port = 1\nsecret = 1\n{ROW}", "Unknown key ebms.backend.secret"),
        (f"port = 1\n{ROW}token = 1\n", "Unknown key ebms.backend.token[1].token"),
        (f"port = 1\n{ROW}{ROW}", "two have one name"),
        (f"port = 1\n{ROW}{ROW.replace('erp', 'crm')}", "two have one sha256"),
        (f"port = 1\n{ROW.replace('erp', 'e r p')}", "name is letters"),
        (f"port = 1\n{ROW.replace(DIGEST, 'x' * 64)}", "64 characters of hex"),
    ],
)
def test_mistakes_are_sentences(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        backend(tmp_path, text)
    assert said in str(caught.value)
    assert DIGEST not in str(caught.value)


def test_digests_are_not_shown_and_another_one_needs_a_restart(tmp_path: Path) -> None:
    one = load_config(written(tmp_path, f"[ebms.backend]\nport = 8447\n{ROW}"))
    lines = "\n".join(setting_lines(one))
    assert "ebms.backend.port = 8447" in lines
    assert "ebms.backend.token: erp" in lines
    assert DIGEST not in lines
    other = written(tmp_path, f"[ebms.backend]\nport = 8447\n{ROW.replace(DIGEST, OTHER)}")
    assert needs_restart(one, load_config(other)) == ("ebms",)


def test_a_token_is_made_with_its_row(tmp_path: Path) -> None:
    result = CliRunner().invoke(ebms, ["token", "--name", "erp", "--agreements", "--json"])
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["sha256"] == hashlib.sha256(told["token"].encode()).hexdigest()
    assert (told["name"], told["agreements"], len(told["token"])) == ("erp", True, 43)
    result = CliRunner().invoke(ebms, ["token", "--name", "erp"])
    row = result.stderr.partition("In the configuration:\n")[2]
    token = backend(tmp_path, f"port = 1\n{row}").tokens[0]
    assert token == BackendToken("erp", hashlib.sha256(result.stdout.strip().encode()).hexdigest())
