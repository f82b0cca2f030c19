"""The OIN (or HRN): the identity of an organisation inside its certificate.

Digikoppeling "Identificatie en Authenticatie" ch. 5 and rule PKI001: it is the
subject's serialNumber, 20 characters long. A renewed certificate keeps it, so
who may do what hangs on the OIN and never on a certificate.
"""

import re
from typing import NewType

from cryptography import x509
from cryptography.x509.oid import NameOID

from digipoort_wus import checks
from digipoort_wus.errors import Refusal

Oin = NewType("Oin", str)
"""A text that :func:`parse_oin` accepted; usable wherever a ``str`` is."""

TEST_PREFIX = "00000099"
"""Free for anyone, and for nobody in production."""
PRODUCTION_PREFIXES = frozenset(f"{number:08d}" for number in range(1, 12))
TEST_PREFIXES = PRODUCTION_PREFIXES | {TEST_PREFIX}

_FORM = "20 characters: an OIN prefix of 8 digits, then 12 digits or capitals"
# The main number may hold letters (BRIN); 99 is the prefix for tests.
_OIN = re.compile(r"(?:0000000[1-9]|0000001[01]|00000099)[0-9A-Z]{12}", re.ASCII)


def parse_oin(text: str) -> Oin:
    """Return the text as an OIN (Identificatie en Authenticatie ch. 5).

    Raises:
        ValueError: it is not 20 characters of the form of an OIN or HRN.
    """
    if _OIN.fullmatch(text) is None:
        raise ValueError(f"not an OIN; expected {_FORM}")
    return Oin(text)


def oin_of(certificate: x509.Certificate) -> Oin:
    """Return the OIN of a certificate's subject (Digikoppeling PKI001).

    Args:
        certificate: one whose chain has been, or will be, verified.

    Raises:
        Refusal: PKI_OIN; the subject does not hold exactly one serialNumber, or that is no OIN.
    """
    try:
        found = certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    except ValueError as error:
        raise _refusal("a subject that cannot be read") from error
    if len(found) != 1:
        raise _refusal(f"{len(found)} serialNumbers")
    value = found[0].value
    # Another number than an OIN may identify a person: say how it differs, not what it is.
    if isinstance(value, bytes) or not value.isprintable():
        raise _refusal("a serialNumber with NUL or control characters")
    if len(value) != 20:
        raise _refusal(f"a serialNumber of {len(value)} characters")
    try:
        return parse_oin(value)
    except ValueError as error:
        raise _refusal("a serialNumber of 20 characters without the form of an OIN") from error


def _refusal(received: str) -> Refusal:
    return Refusal(checks.PKI_OIN, expected=f"one serialNumber of {_FORM}", received=received)
