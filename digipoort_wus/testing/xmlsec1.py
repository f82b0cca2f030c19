"""A verdict on a signed message by a program that is not ours: xmlsec1."""

import base64
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from digipoort_wus.names import SOAP, WSSE
from digipoort_wus.xmlsafe.parse import parse_message

_TOKEN = f"{{{SOAP}}}Header/{{{WSSE}}}Security/{{{WSSE}}}BinarySecurityToken"


def xmlsec1_verifies(message: bytes) -> bool:
    """Return whether xmlsec1 finds SignatureValue and every digest of a message right.

    It judges the octets as they are; form, coverage, certificate and time are left to others.

    Args:
        message: a SOAP message; one without a BinarySecurityToken does not verify.

    Raises:
        Refusal: it is no XML that this package would read.
        FileNotFoundError: there is no program xmlsec1.
    """
    root = parse_message(message)
    token = root.findtext(_TOKEN)
    if token is None:
        return False
    # xmlsec1 cannot follow a SecurityTokenReference: give it the token's key.
    public_key = x509.load_der_x509_certificate(base64.b64decode(token)).public_key()
    key = public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with TemporaryDirectory(prefix="digipoort-wus-") as folder:
        (Path(folder) / "key.pem").write_bytes(key)
        (Path(folder) / "message.xml").write_bytes(message)
        command = ["xmlsec1", "--verify", "--pubkey-pem", "key.pem", *_ids(root)]
        done = subprocess.run(  # noqa: S603 - no shell, and names of elements only
            [*command, "message.xml"], cwd=folder, capture_output=True, check=False
        )
    return done.returncode == 0


def _ids(root: etree._Element) -> Iterator[str]:
    """Yield the options that tell which elements have an Id, which nothing else would say."""
    for element in root.iter():
        if any(etree.QName(name).localname == "Id" for name in element.attrib):
            yield "--id-attr:Id"
            yield str(element.tag).replace("{", "").replace("}", ":")
