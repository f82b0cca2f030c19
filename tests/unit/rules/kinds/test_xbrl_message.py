"""What the codes of Arelle are about."""

import logging

import pytest

from digipoort_wus.rules.kinds.xbrl_controller import Ear
from digipoort_wus.rules.kinds.xbrl_message import (
    TOO_MANY,
    about,
    is_technical,
    is_unfinished,
)
from digipoort_wus.rules.kinds.xbrl_texts import CODES, TEXTS

ABOUT = {
    "xmlSchema:valueError": "value",
    "xmlSchema:patternFacet": "value",
    "enum2ie:InvalidEnumerationValue": "value",
    "dtre:noDecimalsItemType": "value",
    "xml.3.3.1:idMustBeUnique": "other",
    "xmlSchema:elementUnexpected": "element",
    "xbrl:schemaImportMissing": "unknown",
    "xbrl.4.6.1:itemContextRef": "context",
    "xbrl.4.7.2:contextPeriodType": "context",
    "xbrl.4.6.2:numericUnit": "unit",
    "xbrl.4.8.2:monetaryFactUnit-notMonetary": "unit",
    "xbrl.4.6.3:decimalsAndPrecision": "other",
    "xbrl.4.9:tupleAttribute": "other",
    "xbrldie:PrimaryItemDimensionallyInvalidError": "dimension",
    "message:va-1": "formula",
    "formula:assertionUnsatisfied": "formula",
    "arelle:duplicateFacts": "twice",
    "utre:error-NumericTypeExpected": "other",
}
TECHNICAL = (
    *("IOerror", "FileNotLoadable", "exception", "exception:KeyError", "webCache:retrievalError"),
    *("arelle:loadError", "arelle:duplicateFactsMore", "xmlSchema:syntax", "formula:maxRunTime"),
    *("formula:varSetTimeout", "formula:notEvaluated", "formula:internalError", "err:FORG0001"),
    *("xpath20:invalid", "xfie:a", "somethingNew:a", "xbrldte:DRSDirectedCycleError", ""),
)


@pytest.mark.parametrize(("code", "what"), ABOUT.items())
def test_about_the_filing(code: str, what: str) -> None:
    assert about(code) == what
    assert not is_technical(code)


@pytest.mark.parametrize("code", TECHNICAL)
def test_what_breaks_is_nobodys_mistake(code: str) -> None:
    assert is_technical(code)


def test_unfinished() -> None:
    unfinished = {code for code in (*ABOUT, *TECHNICAL) if is_unfinished(code)}
    timed = {"formula:maxRunTime", "formula:varSetTimeout"}
    assert unfinished == {*timed, "formula:notEvaluated", "err:FORG0001"}


def test_all_that_may_be_said_has_a_text() -> None:
    assert {*ABOUT.values(), "none", "reference", "file"} == set(TEXTS) == {*CODES, "other"}


def test_what_is_not_kept_leaves_it_open_whether_all_is_right() -> None:
    ear = Ear()
    for _ in range(10_002):
        ear.emit(_warning("arelle:duplicateFacts"))
    ear.emit(_warning("message:va-1"))
    *kept, last = ear.take()
    assert len(kept) == 10_000
    assert last.code == TOO_MANY
    assert is_technical(TOO_MANY)
    assert is_unfinished(TOO_MANY)


def _warning(code: str) -> logging.LogRecord:
    record = logging.LogRecord("arelle", logging.WARNING, "", 0, "", None, None)
    record.messageCode = code
    return record
