"""Whom the gateway believes when it asks an agency: what is in force, and of that agency only."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digipoort_wus.config import Config
from digipoort_wus.delivery.agencies import AgencyRow
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.materials import complete, load_materials, material_paths
from digipoort_wus.pki.chain import verify_certificate
from digipoort_wus.pki.identity import load_certificates
from digipoort_wus.pki.profiles import Role
from digipoort_wus.server.trust import CurrentTrust
from tests.conftest import CERTS_TEST

G1, G4 = CERTS_TEST / "g1", CERTS_TEST / "g4"
ROW = AgencyRow("there", "00000099000000004000", "https://localhost/", ca_file=G4 / "ca.pem")


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return one whose CRLs are those of both hierarchies."""
    for pki in (G1, G4):
        for crl in (pki / "crl").iterdir():
            (tmp_path / f"{pki.name}-{crl.name}").write_bytes(crl.read_bytes())
    return Config(pki_dir=G1, crl_dir=tmp_path, agencies=(ROW,))


def test_an_agency_is_believed_by_its_own_authorities_only(config: Config) -> None:
    materials = load_materials(config)
    trust = CurrentTrust(materials)
    ours, theirs = (load_certificates(pki / "agency.pem") for pki in (G1, G4))
    for name, good, bad in (("there", theirs, ours), ("elsewhere", ours, theirs)):
        store = trust.credentials(name).trust
        verify_certificate(store, good[0], good[1:], Role.TLS_SERVER, now())
        with pytest.raises(Refusal):
            verify_certificate(store, bad[0], bad[1:], Role.TLS_SERVER, now())
    assert trust.credentials("there").tls is trust.credentials().tls is materials.tls
    # Nobody gets in with its certificates, and their ends are told as those of the others.
    with pytest.raises(Refusal):
        trust.peer(theirs[0], now())
    with pytest.raises(Refusal):
        trust.signer(theirs[0], now())
    assert set(materials.every_authority) == {
        *load_certificates(G1 / "ca.pem"),
        *load_certificates(G4 / "ca.pem"),
    }
    assert len(materials.every_authority) == len(set(materials.every_authority))


def test_credentials_are_made_once_for_each_set_of_materials(config: Config) -> None:
    """Connections that are kept belong to one of them."""
    trust = CurrentTrust(load_materials(config))
    before = trust.credentials("there")
    assert trust.credentials("there") is before
    trust.replace(load_materials(config), now())
    assert trust.credentials("there") is not before


def test_its_file_is_watched_and_has_to_be_there(config: Config) -> None:
    assert G4 / "ca.pem" in material_paths(config)
    gone = replace(config, agencies=(replace(ROW, ca_file=Path("gone.pem")),))
    with pytest.raises(ConfigurationError, match=r"gone\.pem"):
        load_materials(gone)


def test_materials_without_its_authorities_are_refused(config: Config) -> None:
    """They would have an agency believed by whatever clients are believed by."""
    without = load_materials(replace(config, agencies=()))
    with pytest.raises(ConfigurationError, match="agency there"):
        complete(config, without)
    assert complete(replace(config, agencies=()), without) is without
