"""Fixtures that every kind of test shares: test hierarchies and external oracles."""

import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki
from digipoort_wus.testing.xmlsec1 import xmlsec1_verifies
from tests.messages import NOW
from tests.moto import bucket as bucket
from tests.moto import moto as moto
from tests.postgres import postgres as postgres
from tests.postgres import postgres_database as postgres_database
from tests.unit.evidence.authority import StampAuthority, make_authority

CERTS_TEST = Path(__file__).parent.parent / "certs-test"
# How long an example takes says nothing on a machine that does other things as well.
settings.register_profile(
    "digipoort-wus", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("digipoort-wus")
# Where one statement is tried on very many things, or a process is started: not for `tox -e quick`.
THOROUGH = (
    "chaos/test_run.py",
    "cli/test_rules_test.py::test_all_shipped_sets",
    "client/test_transport.py",
    "conformance/",
    "delivery/test_wus.py",
    "ebms/test_encryption.py::test_santuario",
    "ebms/test_once_only.py",
    "ebms/test_packaging.py::test_what_is_written_reads_back",
    "ebms/test_signature_mutations.py",
    "ebms/test_signing.py",
    "ebms/test_vectors.py::test_a_changed_octet",
    "ebms/test_writing.py::test_what_is_written_reads_back",
    "evidence/test_any_change.py",
    "evidence/test_canonical.py",
    "evidence/test_export.py",
    "messaging/test_killed.py",
    "messaging/test_state_machine.py",
    "messaging/test_wire.py",
    "pki/test_caching.py",
    "pki/test_chain.py",
    "pki/test_testpki.py",
    "pki/test_wrong.py",
    "process/test_authorisation.py",
    "process/test_cluster.py",
    "process/test_crash.py",
    "process/test_queries.py::test_thousands",
    "process/test_reports.py",
    "process/test_retention.py",
    "process/test_stamping.py",
    "process/test_state_machine.py",
    "process/test_underway_machine.py",
    "process/test_unreachable.py",
    "rules/kinds/test_frnl.py::test_a_fact_takes_some_octets",
    "rules/kinds/test_frnl.py::test_the_same_with_a_tree",
    "rules/kinds/test_frnl_octets.py",
    "rules/kinds/test_xsd.py::test_a_document_of_any_size",
    "rules/kinds/test_xsd.py::test_a_stream_gives",
    "rules/test_breaking.py::test_what_a_rule_raises",
    "rules/test_lost.py",
    "rules/test_running.py::test_a_large_document",
    "rules/test_worker",
    "server/test_explain.py",
    "server/test_names.py",
    "soap/test_fault.py::test_every_check_becomes",
    "store/test_large.py",
    "store/test_pg_backup.py",
    "store/test_postgres.py",
    "store/test_state_machine.py",
    "store/test_upgrade.py",
    "test_cli_stored.py",
    "test_docs.py",
    "test_docs_rules.py",
    "test_threat_model.py",
    "test_validating.py::test_rule_sets_are_read_anew",
    "testing/",
    "wss/test_mutations.py",
    "wss/test_vectors.py::test_a_vector_with_one_byte",
    "xmlsafe/test_splice.py::test_pieces",
    "xmlsafe/test_vocabulary.py::test_nothing_is_left_out",
    "xmlsafe/test_walk.py::test_a_stream_and_a_tree",
    "xmlsafe/test_walk_attacked.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the thorough tests, by their file or its tests; what a server does, SQLite does as well.

    Those over the wire are marked where they stand.
    """
    unit = Path(__file__).parent / "unit"
    for item in items:
        if item.path.is_relative_to(unit):
            place = f"{item.path.relative_to(unit).as_posix()}::{item.name}"
            if place.startswith(THOROUGH) or "postgres" in item.name:
                item.add_marker(pytest.mark.thorough)


@pytest.fixture(scope="session")
def g1() -> TestPki:
    return make_pki("g1", now=NOW, key_source=keys_from(CERTS_TEST / "g1"))


@pytest.fixture(scope="session")
def g4() -> TestPki:
    return make_pki("g4", now=NOW, key_source=keys_from(CERTS_TEST / "g4"))


def need(what: str, *, found: bool, install: str) -> None:
    """Skip a test for want of a tool, or fail it where everything must run."""
    if found:
        return
    reason = f"{what} is not here: {install}"
    if os.environ.get("REQUIRE_ALL"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def xmlsec1() -> Callable[[bytes], bool]:
    """Return a judge: does the xmlsec1 program verify this signed SOAP message?"""
    need("xmlsec1", found=shutil.which("xmlsec1") is not None, install="apt-get install xmlsec1")
    return xmlsec1_verifies


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> StampAuthority:
    """Return a time stamping authority of its own PKI."""
    need("openssl", found=shutil.which("openssl") is not None, install="apt-get install openssl")
    found = importlib.util.find_spec("rfc3161_client") is not None
    need("rfc3161-client", found=found, install="pip install 'digipoort-wus[timestamp]'")
    return make_authority(tmp_path_factory.mktemp("tsa"))
