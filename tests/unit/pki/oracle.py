"""The verdict of the openssl command on the same chain."""

import shutil
import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from digipoort_wus.pki.profiles import Role
from tests.conftest import need
from tests.unit.pki.scenarios import Question

# It has no purpose for signing or encrypting anything but e-mail.
_PURPOSE = {Role.TLS_CLIENT: "sslclient", Role.TLS_SERVER: "sslserver"}
_PEM = serialization.Encoding.PEM


def openssl() -> str:
    found = shutil.which("openssl")
    need("openssl", found=found is not None, install="apt-get install openssl")
    assert found is not None
    return found


def openssl_accepts(question: Question, directory: Path) -> tuple[bool, str]:
    """Return openssl's verdict and what it said."""
    store = question.store()
    files: dict[str, list[x509.Certificate] | list[x509.CertificateRevocationList]] = {
        "anchors": list(store.anchors),
        "untrusted": [*question.sent, *store.intermediates],
        "crls": list(question.crls),
        "leaf": [question.leaf],
    }
    for name, content in files.items():
        text = b"".join(item.public_bytes(_PEM) for item in content)
        (directory / f"{name}.pem").write_bytes(text)
    accepted = sorted(question.acceptance.policies[question.role])
    command = [openssl(), "verify", "-no-CApath", "-no-CAstore", "-CAfile", "anchors.pem"]
    command += ["-untrusted", "untrusted.pem", "-CRLfile", "crls.pem", "-crl_check_all"]
    command += ["-purpose", _PURPOSE.get(question.role, "any"), "-auth_level", "2", "-x509_strict"]
    command += ["-policy_check", "-explicit_policy"]
    command += [part for oid in accepted for part in ("-policy", oid)]
    command += ["-attime", str(int(question.at.timestamp())), "leaf.pem"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr
