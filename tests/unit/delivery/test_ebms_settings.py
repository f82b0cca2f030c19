"""What [ebms] of a configuration says, and what it may not say."""

from pathlib import Path

import pytest

from digipoort_wus.config_file import load_config, needs_restart
from digipoort_wus.corresponding import host_of_ids, load_identities, own_parties
from digipoort_wus.delivery.connection import Timeouts
from digipoort_wus.delivery.ebms_settings import EbmsSettings
from digipoort_wus.ebms.message import PartyId
from digipoort_wus.ebms.names import OIN_TYPE
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.identity_files import IdentityFiles
from digipoort_wus.pki.testpki import TestPki, write_pki


def settings(tmp_path: Path, text: str) -> EbmsSettings | None:
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    return load_config(path).ebms


def test_without_the_table_there_is_none(tmp_path: Path) -> None:
    assert settings(tmp_path, "") is None
    assert settings(tmp_path, "[ebms]\nenabled = false\npath = '/x'\n") is None


def test_the_table_alone_is_enough(tmp_path: Path) -> None:
    assert settings(tmp_path, "[ebms]\n") == EbmsSettings()


def test_everything_can_be_said(tmp_path: Path) -> None:
    text = """
    [ebms]
    path = "/msh/in"
    host = "gateway.example.nl"
    concurrency = 8
    total_seconds = 30
    [[ebms.party]]
    id = "00000099000000001000_T"
    [[ebms.party]]
    id = "urn:party:one"
    type = ""
    [[ebms.identity]]
    certificate = "old.pem"
    key = "old.key"
    """
    assert settings(tmp_path, text) == EbmsSettings(
        path="/msh/in",
        host="gateway.example.nl",
        concurrency=8,
        timeouts=Timeouts(total=30),
        parties=(PartyId("00000099000000001000_T", OIN_TYPE), PartyId("urn:party:one", None)),
        identities=(IdentityFiles(tmp_path / "old.pem", tmp_path / "old.key"),),
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('path = "ebms"', "ebms.path"),
        ('path = "/wus/2.0/aanleverservice/1.2"', "ebms.path"),
        ('path = "/a b"', "ebms.path"),
        ('host = "a b"', "ebms.host"),
        ("concurrency = 0", "ebms.concurrency"),
        ("concurrency = 65", "ebms.concurrency"),
        ("total_seconds = 0", "total_seconds"),
        ("nonsense = 1", "ebms.nonsense"),
        ("[[ebms.party]]\ntype = 'x'", "id is needed"),
        ("[[ebms.party]]\nid = 'x'\n[[ebms.party]]\nid = 'x'", "twice"),
        ("[[ebms.party]]\nid = 'x'\nnonsense = 1", "nonsense"),
        ("[[ebms.identity]]\ncertificate = 'a.pem'", "ebms.identity"),
    ],
)
def test_a_mistake_is_a_sentence_with_its_key(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said.replace("[", r"\[")):
        settings(tmp_path, f"[ebms]\n{line}\n")


def test_a_change_needs_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text("[ebms]\n")
    running = load_config(path)
    path.write_text("[ebms]\npath = '/other'\n")
    assert needs_restart(running, load_config(path)) == ("ebms",)


def test_who_the_gateway_is_comes_from_its_certificate_unless_it_is_said(g1: TestPki) -> None:
    tls = g1.identities["gateway-tls"].certificate
    assert own_parties(EbmsSettings(), tls) == (PartyId("00000099000000001000", OIN_TYPE),)
    named = (PartyId("urn:party:one", None),)
    assert own_parties(EbmsSettings(parties=named), tls) == named


def test_former_identities_sign_and_decrypt_behind_those_in_force(
    g1: TestPki, tmp_path: Path
) -> None:
    write_pki(g1, tmp_path)
    former = IdentityFiles(tmp_path / "vendor-a.pem", tmp_path / "vendor-a.key")
    tls, signing = g1.identities["gateway-tls"], g1.identities["gateway-signing"]
    found = load_identities(EbmsSettings(identities=(former,)), signing, tls)
    assert found[:2] == (signing, tls)
    assert [one.certificate for one in found[2:]] == [g1.identities["vendor-a"].certificate]
    missing = IdentityFiles(tmp_path / "nothing.pem", tmp_path / "nothing.key")
    with pytest.raises(ConfigurationError):
        load_identities(EbmsSettings(identities=(missing,)), signing, tls)


def test_the_host_of_message_ids(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text('[listen]\npublic_urls = ["https://a.example.nl:444"]\n')
    config = load_config(path)
    assert host_of_ids(config, EbmsSettings()) == "a.example.nl"
    assert host_of_ids(config, EbmsSettings(host="b.example.nl")) == "b.example.nl"
    path.write_text("")
    assert host_of_ids(load_config(path), EbmsSettings()) == "localhost"
