from datetime import UTC, datetime

import pytest

from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki
from tests.conftest import CERTS_TEST


@pytest.fixture(scope="session")
def pki() -> TestPki:
    # OpenSSL looks at the real clock.
    return make_pki("g1", now=datetime.now(UTC), key_source=keys_from(CERTS_TEST / "g1"))


@pytest.fixture(scope="session")
def g4_now() -> TestPki:
    return make_pki("g4", now=datetime.now(UTC), key_source=keys_from(CERTS_TEST / "g4"))
