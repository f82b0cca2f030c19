"""Each wrong certificate meets what its row says: in the handshake, as peer and as signer."""

import tomllib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL

from digipoort_wus import checks
from digipoort_wus.errors import Check, ConfigurationError, Refusal
from digipoort_wus.pki.chain import TrustStore, trust_store, verify_certificate
from digipoort_wus.pki.identity import load_certificates, load_crls
from digipoort_wus.pki.profiles import TEST, Role
from digipoort_wus.pki.testpki import TestPki, load_pki, write_pki
from digipoort_wus.pki.wrong import WrongSet, make_wrong, write_wrong
from digipoort_wus.pki.wrongkinds import KINDS
from digipoort_wus.server.tls import TlsTrust, server_context
from tests.unit.pki.handshake import client_of, handshake
from tests.unit.pki.scenarios import NOW

CHECKS = {value.id for value in vars(checks).values() if isinstance(value, Check)}
ROWS = [
    (generation, kind.name)
    for generation in ("g1", "g4")
    for kind in KINDS
    if generation in kind.generations
]


@dataclass(frozen=True, repr=False)
class Judge:
    """What a gateway of one generation has loaded, from the files."""

    directory: Path
    made: WrongSet
    store: TrustStore
    context: SSL.Context

    def verdict(self, name: str, role: Role) -> str:
        leaf = load_certificates(self.directory / f"{name}.pem")[0]
        try:
            # As in the gateway: what the peer sent beside the leaf does not count.
            verify_certificate(self.store, leaf, (), role, NOW)
        except Refusal as refusal:
            return refusal.check.id
        return "ok"

    def shakes_hands(self, name: str) -> bool:
        store = self.context.get_cert_store()
        assert store is not None
        store.set_time(NOW)
        client = client_of(
            self.directory,
            name,
            self.directory / "ca.pem",
            weak=self.made.wrongs[name].kind.weak,
        )
        # The server's certificate is of the past as well.
        client.check_hostname, client.verify_mode = False, 0  # type: ignore[assignment]
        try:
            handshake(self.context, client)
        except SSL.Error:
            return False
        return True


@pytest.fixture(scope="module")
def judges(g1: TestPki, g4: TestPki, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Judge]:
    found: dict[str, Judge] = {}
    for pki in (g1, g4):
        folder = tmp_path_factory.mktemp(pki.generation)
        made = write_wrong(pki, folder, now=NOW)
        directory = folder / "wrong"
        authorities = load_certificates(directory / "ca.pem")
        crls = load_crls(directory / "crl")
        found[pki.generation] = Judge(
            directory,
            made,
            trust_store(authorities, crls, TEST),
            server_context(pki.identities["gateway-tls"], TlsTrust(authorities, crls)),
        )
    return found


@pytest.mark.parametrize(("generation", "name"), ROWS)
def test_as_signer(judges: dict[str, Judge], generation: str, name: str) -> None:
    judge = judges[generation]
    assert judge.verdict(name, Role.SIGNER) == judge.made.wrongs[name].kind.signer


@pytest.mark.parametrize(("generation", "name"), ROWS)
def test_as_tls_client(judges: dict[str, Judge], generation: str, name: str) -> None:
    judge = judges[generation]
    expected = judge.made.wrongs[name].kind.tls
    assert judge.shakes_hands(name) == (expected != "alert")
    verdict = judge.verdict(name, Role.TLS_CLIENT)
    if expected == "alert":
        # What the handshake refuses, the gate would refuse as well.
        assert verdict != "ok"
    else:
        assert verdict == expected.removeprefix("fault:")


@pytest.mark.parametrize("generation", ["g1", "g4"])
def test_the_good_ones_stay_good(
    judges: dict[str, Judge], generation: str, g1: TestPki, g4: TestPki
) -> None:
    judge, pki = judges[generation], g1 if generation == "g1" else g4
    for name in ("vendor-a", "vendor-b", "agency"):
        leaf = pki.identities[name].certificate
        verify_certificate(judge.store, leaf, (), Role.SIGNER, NOW)
    leaf = pki.identities["vendor-revoked"].certificate
    with pytest.raises(Refusal) as caught:
        verify_certificate(judge.store, leaf, (), Role.SIGNER, NOW)
    assert caught.value.check is checks.PKI_REVOKED


@pytest.mark.parametrize("generation", ["g1", "g4"])
def test_the_manifest_says_it_all(judges: dict[str, Judge], generation: str) -> None:
    judge = judges[generation]
    with (judge.directory / "wrong.toml").open("rb") as file:
        rows: list[dict[str, Any]] = tomllib.load(file)["wrong"]
    assert [row["name"] for row in rows] == list(judge.made.wrongs)
    for row in rows:
        kind = judge.made.wrongs[row["name"]].kind
        assert row == {
            "name": kind.name,
            "what": kind.what,
            "tls": kind.tls,
            "signer": kind.signer,
            "alone": kind.alone,
            "weak": kind.weak,
        }
        assert row["signer"] in {"ok", *CHECKS}
        assert row["tls"] in {"ok", "alert", *(f"fault:{check}" for check in CHECKS)}
    assert len(rows) >= 25
    names = {path.name for path in judge.directory.iterdir()}
    files = {f"{row['name']}.{end}" for row in rows for end in ("pem", "key")}
    assert names == files | {"README", "ca.pem", "crl", "wrong.toml"}


@pytest.mark.parametrize("generation", ["g1", "g4"])
def test_keys_belong_to_their_certificates(judges: dict[str, Judge], generation: str) -> None:
    directory = judges[generation].directory
    for path in directory.glob("*.key"):
        assert path.stat().st_mode & 0o077 == 0
        key = serialization.load_pem_private_key(
            path.read_bytes(), None, unsafe_skip_rsa_key_validation=True
        )
        leaf = load_certificates(path.with_suffix(".pem"))[0]
        assert key.public_key() == leaf.public_key()


def test_they_are_of_vendor_a_unless_they_stand_alone(judges: dict[str, Judge]) -> None:
    for judge in judges.values():
        vendor = judge.made.wrongs["expired"].made.certificate.subject
        for wrong in judge.made.wrongs.values():
            if wrong.kind.signer not in {"ok", "PKI-OIN", "PKI-CHAIN"}:
                numbers = [
                    part.value
                    for part in wrong.made.certificate.subject
                    if part.oid == x509.NameOID.SERIAL_NUMBER
                ]
                assert numbers == ["00000099000000002000"], wrong.kind.name
        assert "wrong expired" in vendor.rfc4514_string()


def test_for_as_long_as_the_set_lives(g1: TestPki) -> None:
    """A row that depends on the date says the same a year later."""
    made = make_wrong(g1, now=NOW)
    store = trust_store(made.authorities, made.crls.values(), TEST)
    for wrong in made.wrongs.values():
        try:
            later = NOW + timedelta(days=365)
            verify_certificate(store, wrong.made.certificate, (), Role.SIGNER, later)
            verdict = "ok"
        except Refusal as refusal:
            verdict = refusal.check.id
        assert verdict == wrong.kind.signer, wrong.kind.name


@pytest.mark.parametrize("generation", ["g1", "g4"])
def test_loaded_as_written(generation: str, g1: TestPki, g4: TestPki, tmp_path: Path) -> None:
    pki = g1 if generation == "g1" else g4
    write_pki(pki, tmp_path / "pki")
    loaded = load_pki(tmp_path / "pki")
    assert loaded.generation == pki.generation
    assert loaded.crls == dict(pki.crls)
    assert loaded.ca_certificates == pki.ca_certificates
    for name, authority in pki.authorities.items():
        assert loaded.authorities[name].issuers == authority.issuers
        assert loaded.authorities[name].scheme == authority.scheme
        assert loaded.authorities[name].key.public_key() == authority.key.public_key()
    for name, identity in pki.identities.items():
        assert loaded.identities[name].certificate == identity.certificate
        assert loaded.identities[name].chain == identity.chain


def test_what_is_missing_is_said(g1: TestPki, g4: TestPki, tmp_path: Path) -> None:
    write_pki(g1, tmp_path / "pki")
    (tmp_path / "pki" / "ca.pem").write_bytes((tmp_path / "pki" / "vendor-a.pem").read_bytes())
    with pytest.raises(ConfigurationError, match="does not hold the certificate of root"):
        load_pki(tmp_path / "pki")
    (tmp_path / "pki" / "keys" / "root.key").unlink()
    with pytest.raises(ConfigurationError, match=r"root\.key"):
        load_pki(tmp_path / "pki")
    with pytest.raises(ConfigurationError, match=r"ca\.pem cannot be read"):
        load_pki(tmp_path / "nowhere")


def test_never_overwrites(g1: TestPki, tmp_path: Path) -> None:
    write_wrong(g1, tmp_path, now=NOW)
    with pytest.raises(ConfigurationError, match="not empty"):
        write_wrong(g1, tmp_path, now=NOW)
