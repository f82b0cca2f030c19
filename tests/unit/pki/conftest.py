import pytest

from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki
from tests.unit.pki.scenarios import CERTS_TEST, DAYS, NOW


@pytest.fixture(scope="session")
def g1() -> TestPki:
    return make_pki("g1", now=NOW, valid_days=DAYS, key_source=keys_from(CERTS_TEST / "g1"))


@pytest.fixture(scope="session")
def g4() -> TestPki:
    return make_pki("g4", now=NOW, valid_days=DAYS, key_source=keys_from(CERTS_TEST / "g4"))
