"""The OIN in a subject: one, of the right form, in a string that everybody reads alike."""

from dataclasses import replace

from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from digipoort_wus import checks
from digipoort_wus.errors import Check
from digipoort_wus.pki.oin import PRODUCTION_PREFIXES
from digipoort_wus.pki.profiles import TEST
from digipoort_wus.pki.testpki import TestPki
from tests.unit.pki.cases.table import Table
from tests.unit.pki.scenarios import Question, ask, ask_leaf, subject, template_of

table = Table()
OIN = "00000099000000002000"
_OURS = "RFC 5280 knows no OIN: Digikoppeling PKI001 does"


def _add(name: str, expected: Check | None, *numbers: str, row: str = "") -> None:
    _add_name(name, expected, subject(*numbers), row=row)


def _add_name(name: str, expected: Check | None, made: x509.Name, *, row: str = "") -> None:
    table.add(
        name,
        expected,
        lambda pki: ask_leaf(pki, replace(template_of(pki), subject=made)),
        openssl=_OURS if expected else "",
        pyhanko=_OURS if expected else "",
        row=row,
    )


def _serial(text: str, kind: _ASN1Type) -> x509.NameAttribute[str]:
    return x509.NameAttribute(NameOID.SERIAL_NUMBER, text, kind)


_COMMON = x509.NameAttribute(NameOID.COMMON_NAME, "TEST")

_add("no serialNumber", checks.PKI_OIN, row="no serialNumber")
_add("serialNumber of 19 characters", checks.PKI_OIN, OIN[:19], row="serialNumber 19 characters")
_add("serialNumber of 21 characters", checks.PKI_OIN, OIN + "0", row="serialNumber 21 characters")
_add("two serialNumbers", checks.PKI_OIN, OIN, "00000099000000003000")
_add("the same serialNumber twice", checks.PKI_OIN, OIN, OIN)
_add("unknown OIN prefix", checks.PKI_OIN, "00000012" + OIN[8:])
_add("lower case OIN", checks.PKI_OIN, "00000099" + "a" * 12)
_add("OIN with NUL", checks.PKI_OIN, OIN[:19] + "\0")
_add("OIN with a line feed", checks.PKI_OIN, OIN[:19] + "\n")
_add("OIN and a space", checks.PKI_OIN, OIN + " ")
_add("OIN with a space for the last character", checks.PKI_OIN, OIN[:19] + " ")
_add("OIN with Arabic digits", checks.PKI_OIN, OIN[:19] + "\N{ARABIC-INDIC DIGIT ZERO}")
_add("OIN with the suffix 001", None, OIN[:17] + "001", row="OIN with suffix 001")
_add("OIN of KvK", None, "00000003999999990000", row="KvK OIN")
_add("OIN of a school, with letters", None, "0000000799ZZ00000000")

_READ_ALIKE = {_ASN1Type.PrintableString, _ASN1Type.UTF8String}
# No types of a name (RFC 5280, DirectoryString): whoever reads names refuses them as well.
_NO_NAME = {
    _ASN1Type.OctetString,
    _ASN1Type.UTCTime,
    _ASN1Type.GeneralizedTime,
    _ASN1Type.VisibleString,
}
for _kind in _ASN1Type:
    if _kind is _ASN1Type.BitString:
        continue  # of which the builder makes unique identifiers only: a case of paths
    _good = _kind in _READ_ALIKE
    table.add(
        f"OIN as {_kind.name}",
        None if _good else checks.PKI_OIN,
        lambda pki, kind=_kind: ask_leaf(  # type: ignore[misc]
            pki,
            replace(template_of(pki), subject=x509.Name([_COMMON, _serial(OIN, kind)])),
        ),
        openssl="" if _good or _kind in _NO_NAME else _OURS,
        pyhanko="" if _good or _kind in _NO_NAME or _kind is _ASN1Type.NumericString else _OURS,
    )

_add_name(
    "OIN and common name in one RDN",
    None,
    x509.Name([x509.RelativeDistinguishedName([_COMMON, _serial(OIN, _ASN1Type.UTF8String)])]),
)
_add_name(
    "two serialNumbers in one RDN",
    checks.PKI_OIN,
    x509.Name(
        [
            x509.RelativeDistinguishedName([_COMMON]),
            x509.RelativeDistinguishedName(
                [
                    _serial(OIN, _ASN1Type.PrintableString),
                    _serial("00000099000000003000", _ASN1Type.PrintableString),
                ]
            ),
        ]
    ),
)


@table.case("test OIN in production", checks.PKI_OIN, openssl=_OURS, pyhanko=_OURS)
def _(pki: TestPki) -> Question:
    return replace(ask(pki), acceptance=replace(TEST, oin_prefixes=PRODUCTION_PREFIXES))


CASES = tuple(table.cases)
