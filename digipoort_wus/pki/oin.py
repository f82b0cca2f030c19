"""The OIN (or HRN): the identity of an organisation inside its certificate.

Digikoppeling "Identificatie en Authenticatie" ch. 5 and rule PKI001: it is the
subject's serialNumber, 20 characters long. A renewed certificate keeps it, so
who may do what hangs on the OIN and never on a certificate.

Two strengths: what :func:`parse_oin` accepts is an identity, and authorisation does the
rest; :func:`deviation_of` says where one differs from what its register gives out.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
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


@dataclass(frozen=True, slots=True)
class Register:
    """Who gives out the numbers behind a prefix, and the form of the other 12 characters."""

    name: str
    form: str
    """A regular expression."""


_NINE, _FREE = "[0-9]{9}000", "[0-9A-Z]{12}"
REGISTERS: Mapping[str, Register] = MappingProxyType(
    {
        "00000001": Register("RSIN", _NINE),
        "00000002": Register("Fi-nummer", _NINE),
        "00000003": Register("KvK", "[0-9]{8}0000"),
        # Older ones end in something else than 000.
        "00000004": Register("subOIN", "[0-9]{12}"),
        "00000005": Register("nobody", _FREE),
        "00000006": Register("Logius", _NINE),
        "00000007": Register("BRIN", _FREE),
        "00000008": Register("foreign organisations", _NINE),
        "00000009": Register("UZI", _NINE),
        "00000010": Register("TRR-BD", _NINE),
        # In consultation: its form is not settled.
        "00000011": Register("Dezi", _FREE),
        "00000099": Register("tests", _NINE),
    }
)
"""By prefix (Identificatie en Authenticatie ch. 5)."""

# X.520 has PrintableString here; issuers that write every name as UTF8String are heard too.
# Of the other types readers make different characters, or none.
_STRINGS = {0x13: "PrintableString", 0x0C: "UTF8String"}
# Where the type of the value stands in a name of one attribute: behind three headers of
# two octets and the OID of serialNumber, 06 03 55 04 05.
_TYPE_AT = 11
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


def deviation_of(oin: Oin) -> str:
    """Return how an OIN differs from the form of its register; empty when it does not.

    It is still an OIN: old ones, and those of registers with rules of their own, differ.
    """
    register = REGISTERS[oin[:8]]
    if re.fullmatch(register.form, oin[8:], re.ASCII):
        return ""
    return f"not the form that {register.name} has behind {oin[:8]}"


def oin_of(certificate: x509.Certificate) -> Oin:
    """Return the OIN of a certificate's subject (Digikoppeling PKI001).

    Args:
        certificate: one whose chain has been, or will be, verified.

    Raises:
        Refusal: PKI_OIN; the subject does not hold exactly one serialNumber, or that is no OIN.
    """
    try:
        found = certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    except (ValueError, KeyError, TypeError) as error:
        raise _refusal("a subject that cannot be read") from error
    if len(found) != 1:
        raise _refusal(f"{len(found)} serialNumbers")
    value = found[0].value
    # Another number than an OIN may identify a person: say how it differs, not what it is.
    if isinstance(value, bytes) or not value.isprintable():
        raise _refusal("a serialNumber with NUL or control characters")
    if len(value) != 20:
        raise _refusal(f"a serialNumber of {len(value)} characters")
    if x509.Name(found).public_bytes()[_TYPE_AT] not in _STRINGS:
        raise _refusal(f"a serialNumber that is no {' or '.join(_STRINGS.values())}")
    try:
        return parse_oin(value)
    except ValueError as error:
        raise _refusal("a serialNumber of 20 characters without the form of an OIN") from error


def _refusal(received: str) -> Refusal:
    return Refusal(checks.PKI_OIN, expected=f"one serialNumber of {_FORM}", received=received)
