"""Fixtures that every kind of test shares: test hierarchies and external oracles."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki
from digipoort_wus.testing.xmlsec1 import xmlsec1_verifies
from tests.messages import NOW

CERTS_TEST = Path(__file__).parent.parent / "certs-test"


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
