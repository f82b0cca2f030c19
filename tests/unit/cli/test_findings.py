"""What a 311 says to people: each finding, and nothing of details that are something else."""

from datetime import UTC, datetime

import pytest

from digipoort_wus.cli.findings import findings_of
from digipoort_wus.cli.options import status_line
from digipoort_wus.client.results import Status
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.party import Party
from digipoort_wus.process.details import BATAVIA, validation_error, validation_results

FINDINGS = [
    Finding("A-1", "error", "Eerste.", "/a/b (regel 3)"),
    Finding("A-2", "warning", "Op regel 4 staat\x9b iets.", "regel 4"),
    Finding("A-3", "error", "Derde."),
]


def test_each_finding_has_a_line() -> None:
    status = Status(
        "kenmerk",
        "311",
        "Validatie niet gelukt.",
        datetime(2026, 10, 5, 9, 15, tzinfo=UTC),
        Party("001000044B37", "Fi"),
        validation_error(FINDINGS),
        validation_results(FINDINGS),
    )
    first, error, *findings = status_line(status).splitlines()
    assert first.endswith("311  Validatie niet gelukt.")
    assert error == "  VAS500: Eerste. (en nog 1 bevinding)"
    assert findings[0] == "  - A-1: Eerste. (regel 3)"
    assert findings[1].startswith("  - A-2 (waarschuwing): Op regel 4 staat")
    assert findings[2:] == ["  - A-3: Derde."]
    assert "\x9b" not in status_line(status)


STEPS = "/*[local-name()='xbrl']/*[local-name()='Turnover']"


@pytest.mark.parametrize(
    ("text", "where", "told"),
    [
        ("Niet in euro's.", f"{STEPS} (regel 12)", "Niet in euro's. (regel 12)"),
        ("Niet in euro's.", STEPS, "Niet in euro's. (Turnover)"),
        ("Turnover is leeg.", STEPS, "Turnover is leeg."),
        ("Op regel 12.", f"{STEPS} (regel 12)", "Op regel 12."),
        ("Geen munt.", f"{STEPS}/@unitRef", "Geen munt. (@unitRef)"),
        ("Zie de toelichting (blz. 2).", "", "Zie de toelichting (blz. 2)."),
    ],
)
def test_a_place_is_told_in_words(text: str, where: str, told: str) -> None:
    """A bookkeeper reads no XPath; it stays in the details, for his software."""
    details = validation_results([Finding("A-1", "error", text, where)])
    assert findings_of(details) == [f"A-1: {told}"]
    assert where.removesuffix(" (regel 12)") in details


def test_a_line_that_the_text_does_not_name_is_told() -> None:
    others = f'<results xmlns="{BATAVIA}"><xbrl><msg line="12">X</msg><msg/></xbrl></results>'
    assert findings_of(others) == ["X (regel 12)"]
    theirs = others.replace("<msg line", '<msg level="warning" line')
    assert findings_of(theirs) == ["X (regel 12)"]


@pytest.mark.parametrize(
    "details",
    [
        None,
        "",
        "geen XML",
        BATAVIA,
        f'<results xmlns="{BATAVIA}">',
        f'<!DOCTYPE r [<!ENTITY e "x">]><results xmlns="{BATAVIA}"><msg>&e;</msg></results>',
        f'<other xmlns="{BATAVIA}"><msg>x</msg></other>',
        f"{BATAVIA} \ud800",
        "<Responsemessage><Description>x</Description></Responsemessage>",
    ],
)
def test_other_details_are_left_alone(details: str | None) -> None:
    assert findings_of(details) == []
