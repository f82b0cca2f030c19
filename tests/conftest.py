"""Fixtures that every kind of test shares: test hierarchies and external oracles."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki
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
def xmlsec1(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], bool]:
    """Return a judge: does the xmlsec1 program verify this signed SOAP message?"""
    need("xmlsec1", found=shutil.which("xmlsec1") is not None, install="apt-get install xmlsec1")
    folder = tmp_path_factory.mktemp("xmlsec1")

    def verifies(message: bytes) -> bool:
        # xmlsec1 cannot follow a SecurityTokenReference: give it the token's key.
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        from digipoort_wus.soap.envelope import read_envelope
        from digipoort_wus.wss.header import read_security
        from digipoort_wus.xmlsafe.parse import parse_message

        header = read_security(read_envelope(parse_message(message)))
        key = header.certificate.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )
        (folder / "key.pem").write_bytes(key)
        (folder / "message.xml").write_bytes(message)
        ids = [
            argument
            for node in read_envelope(parse_message(message)).root.iter()
            if any(name.endswith("}Id") for name in node.attrib)
            for argument in ("--id-attr:Id", str(node.tag).replace("{", "").replace("}", ":"))
        ]
        done = subprocess.run(
            ["xmlsec1", "--verify", "--pubkey-pem", "key.pem", *ids, "message.xml"],
            cwd=folder,
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    return verifies
