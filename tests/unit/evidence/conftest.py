from datetime import UTC, datetime, timedelta

import pytest

from digipoort_wus.clock import to_milliseconds
from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki
from tests.conftest import CERTS_TEST
from tests.unit.evidence.authority import StampAuthority
from tests.unit.evidence.history import History, story


@pytest.fixture(scope="session")
def today() -> datetime:
    """Return the moment of this run: openssl stamps by the system's clock."""
    return to_milliseconds(datetime.now(UTC) - timedelta(minutes=1))


@pytest.fixture(scope="session")
def pki(today: datetime) -> TestPki:
    return make_pki("g1", now=today, key_source=keys_from(CERTS_TEST / "g1"))


@pytest.fixture(scope="session")
def stamped(pki: TestPki, today: datetime, authority: StampAuthority) -> History:
    """Return a story whose batches are stamped; not to be changed, only copied."""
    return story(pki, today, authority)


@pytest.fixture(scope="session")
def unstamped(pki: TestPki, today: datetime) -> History:
    """Return the same without stamps."""
    return story(pki, today, None)
