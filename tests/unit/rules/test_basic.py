import pytest

from digipoort_wus import limits
from digipoort_wus.filing.filing import Delivery, Document, Filing
from digipoort_wus.filing.party import Party
from digipoort_wus.rules import basic
from digipoort_wus.rules.api import Outcome, Stage
from digipoort_wus.rules.basic import BasicRules
from tests.unit.process.sandbox import NUMBER, START, XBRL

OTHER = "123456782B01"


def validate(
    content: str | bytes,
    number: str = NUMBER,
    mime: str = "text/xml",
    stage: Stage = Stage.ENVELOPE,
) -> tuple[Outcome, list[str]]:
    data = content.encode() if isinstance(content, str) else content
    delivery = Delivery("Omzetbelasting", Party(number, "Fi"), "", Document(mime, "x", data))
    report = BasicRules().validate(Filing("k", "b", "s", START, delivery), stage)
    for finding in report.findings:
        assert len(finding.code) <= 20
        assert NUMBER not in finding.text
        assert OTHER not in finding.text
    return report.outcome, [finding.code for finding in report.findings]


VALID: tuple[Outcome, list[str]] = (Outcome.VALID, [])
SAME = XBRL.format(NUMBER)
TWO = SAME.replace(
    "</context>",
    "</context><context id='d'><entity><identifier>{}</identifier></entity></context>",
)


@pytest.mark.parametrize(
    "content",
    [
        SAME,
        f"<?xml version='1.0' encoding='utf-8'?>\n{SAME}",
        XBRL.format(f"\n {NUMBER.lower()} "),
        XBRL.format(f"{NUMBER[:4]}<!-- x -->{NUMBER[4:]}"),
        TWO.format(NUMBER),
        "<Loonaangifte><LhNr>1</LhNr></Loonaangifte>",
        "<xbrl><identifier>1</identifier></xbrl>",
        SAME.encode("utf-16"),
    ],
)
def test_valid(content: str | bytes) -> None:
    assert validate(content) == VALID


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "INHOUD-LEEG"),
        (" \r\n", "INHOUD-LEEG"),
        (SAME[:-3], "XML-ONLEESBAAR"),
        ("geen xml", "XML-ONLEESBAAR"),
        (b"\xff\xfe\x00", "XML-ONLEESBAAR"),
        (f"<!DOCTYPE xbrl>{SAME}", "XML-DOCTYPE"),
        ('<!DOCTYPE x [<!ENTITY e "e">]><x>&e;</x>', "XML-DOCTYPE"),
        (XBRL.format(OTHER), "IDENTITEIT-ANDERS"),
        (XBRL.format(""), "IDENTITEIT-ANDERS"),
        (TWO.format(OTHER), "IDENTITEIT-ANDERS"),
        ('<xbrl xmlns="http://www.xbrl.org/2003/instance"/>', "IDENTITEIT-GEEN"),
    ],
)
def test_invalid(content: str | bytes, code: str) -> None:
    assert validate(content) == (Outcome.INVALID, [code])


def test_a_prefix_gets_its_own_text() -> None:
    assert validate(SAME, f"NL{NUMBER}") == (Outcome.INVALID, ["IDENTITEIT-NL"])


@pytest.mark.parametrize("mime", ["application/xml", "Text/XML; charset=utf-8"])
def test_other_spellings_of_xml(mime: str) -> None:
    assert validate("<", mime=mime)[0] is Outcome.INVALID


def test_what_is_no_xml_is_not_read() -> None:
    assert validate("<", mime="application/pdf") == VALID
    assert validate("", mime="application/pdf") == (Outcome.INVALID, ["INHOUD-LEEG"])


def test_the_content_stage_has_no_rules_of_its_own() -> None:
    assert validate(SAME, stage=Stage.CONTENT) == VALID


def test_no_memory_is_not_the_senders_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(_: bytes) -> None:
        raise MemoryError

    monkeypatch.setattr(basic, "parse_document", parse)
    assert validate(SAME) == (Outcome.UNDETERMINED, [])


def test_more_tags_than_we_validate_is_no_mistake_of_the_filer() -> None:
    tags = b"<x>" + b"<a/>" * limits.DOCUMENT_MAX_TAGS + b"</x>"
    assert validate(tags) == (Outcome.UNDETERMINED, [])
