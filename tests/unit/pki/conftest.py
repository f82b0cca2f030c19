from collections.abc import Callable

import pytest

from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki
from tests.unit.pki.cases.table import Case
from tests.unit.pki.scenarios import CERTS_TEST, DAYS, NOW, Question


@pytest.fixture(scope="session")
def g1() -> TestPki:
    return make_pki("g1", now=NOW, valid_days=DAYS, key_source=keys_from(CERTS_TEST / "g1"))


@pytest.fixture(scope="session")
def g4() -> TestPki:
    return make_pki("g4", now=NOW, valid_days=DAYS, key_source=keys_from(CERTS_TEST / "g4"))


@pytest.fixture(scope="session")
def question_of(g1: TestPki, g4: TestPki) -> Callable[[Case], Question]:
    """Build the chain of a case, once for all who judge it."""
    built: dict[str, Question] = {}

    def build(case: Case) -> Question:
        if case.id not in built:
            built[case.id] = case.build(g1 if case.generation == "g1" else g4)
        return built[case.id]

    return build
