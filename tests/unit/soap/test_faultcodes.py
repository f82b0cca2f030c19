"""The table of Digikoppeling's codes: every check that can be met has its row."""

import re

import pytest

from digipoort_wus import checks
from digipoort_wus.errors import Check
from digipoort_wus.soap.faultcodes import ROWS, ROWS_ABOUT, Row, row_of

OF_THE_PROCESS = {
    "BERICHTSOORT-KNOWN",
    "KENMERK-KNOWN",
    "KENMERK-CONTINUE",
    "AUSP-KNOWN",
    "PERIOD-ORDER",
    "MESSAGE-ID-REUSED",
    "SCENARIO-FAULT",
    "REPORT-CODE",
    "REPORT-EXPECTED",
    "REPORT-FINAL",
    "BERICHTKENMERK-KNOWN",
    "BERICHTKENMERK-REUSED",
    "OFFER-PARTY",
}
"""Of filings, questions and reports, which services of Digikoppeling do not have."""
OF_ANSWERS = {"WSS-CONFIRMATION"}
OF_EBMS = {check.id for check in checks.CATALOGUE if check.id.startswith("EBMS-")}
"""Answered with an ErrorList of ebMS, which has codes of its own; WUS never meets them."""
OFFICIAL = {f"{number:04d}" for number in (*range(1, 12), 51)}
FAULTCODES = {
    "soap": {"Client", "Server", "VersionMismatch", "MustUnderstand"},
    "wsse": {
        "UnsupportedSecurityToken",
        "UnsupportedAlgorithm",
        "InvalidSecurity",
        "InvalidSecurityToken",
        "FailedAuthentication",
        "FailedCheck",
        "SecurityTokenUnavailable",
    },
    "wsu": {"MessageExpired"},
    "wsa": {
        "InvalidAddressingHeader",
        "InvalidAddress",
        "InvalidEPR",
        "InvalidCardinality",
        "MessageAddressingHeaderRequired",
        "DestinationUnreachable",
        "ActionNotSupported",
        "ActionMismatch",
        "OnlyAnonymousAddressSupported",
    },
}


def test_every_check_that_can_be_met_has_a_row() -> None:
    met = {check.id for check in checks.CATALOGUE if check.http is None}
    assert {check.id for check in ROWS} == met - OF_THE_PROCESS - OF_ANSWERS - OF_EBMS


@pytest.mark.parametrize("row", [*ROWS.values(), *ROWS_ABOUT.values()], ids=str)
def test_a_row_says_what_the_standards_know(row: Row) -> None:
    prefix, _, name = row.faultcode.partition(":")
    assert name in FAULTCODES[prefix]
    assert row.code in OFFICIAL | {""}
    if row.code:
        assert re.fullmatch(rf"{row.code}: [A-Z][^{{}}]+\.", row.text)
    else:
        assert prefix in ("wsse", "wsu")
        assert re.fullmatch(r"[A-Z][^{}:]+\.", row.text)
    # A detail is for what is wrong in the Body, and addressing is in the Header.
    assert not (row.in_body and row.is_addressing)
    assert row.is_addressing == (prefix == "wsa")


def test_every_code_of_a_provider_is_used() -> None:
    """0008 is for a requester: RelatesTo is missing in an answer."""
    used = {row.code for row in (*ROWS.values(), *ROWS_ABOUT.values())}
    assert used == (OFFICIAL - {"0008"}) | {""}


@pytest.mark.parametrize(
    ("check", "about", "expected"),
    [
        (checks.WSA_REQUIRED, "To", ("wsa:MessageAddressingHeaderRequired", "0005")),
        (checks.WSA_REQUIRED, "Action", ("wsa:MessageAddressingHeaderRequired", "0006")),
        (checks.WSA_REQUIRED, "MessageID", ("wsa:MessageAddressingHeaderRequired", "0007")),
        (checks.WSA_IRI, "To", ("wsa:InvalidAddress", "0005")),
        (checks.WSA_IRI, "ReplyTo", ("wsa:InvalidAddress", "0011")),
        (checks.SOAP_ENVELOPE, "Envelope", ("soap:VersionMismatch", "0001")),
        (checks.SOAP_ENVELOPE, "", ("soap:Client", "0001")),
        (checks.SOAP_HEADER_FOREIGN, "mustUnderstand", ("soap:MustUnderstand", "0010")),
        (checks.WSS_SIGNATURE, "", ("wsse:FailedCheck", "")),
        (checks.WSS_EXPIRED, "", ("wsu:MessageExpired", "")),
        (checks.KENMERK_KNOWN, "", ("soap:Client", "")),
    ],
)
def test_rows_are_found(check: Check, about: str, expected: tuple[str, str]) -> None:
    row = row_of(check, about)
    assert (row.faultcode, row.code) == expected
    assert row.text
