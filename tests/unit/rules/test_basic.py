from pathlib import Path

import pytest

from digipoort_wus import limits
from digipoort_wus.filing.content import Content
from digipoort_wus.filing.filing import Delivery, Document, Filing
from digipoort_wus.filing.party import Party
from digipoort_wus.rules import basic
from digipoort_wus.rules.api import Outcome, Stage
from digipoort_wus.rules.basic import BasicRules
from digipoort_wus.store.files import PayloadFiles
from digipoort_wus.store.values import PayloadDamaged
from tests.unit.process.sandbox import NUMBER, START, XBRL

OTHER = "123456782B01"


def validate(
    content: str | Content,
    number: str = NUMBER,
    mime: str = "text/xml",
    stage: Stage = Stage.ENVELOPE,
) -> tuple[Outcome, list[str]]:
    data: Content = content.encode() if isinstance(content, str) else content
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
    def watch(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(basic, "watch_document", watch)
    assert validate(SAME) == (Outcome.UNDETERMINED, [])


def test_deeper_than_we_read_is_no_mistake_of_the_filer() -> None:
    assert validate("<x>" * 257 + "</x>" * 257) == (Outcome.UNDETERMINED, [])


@pytest.mark.parametrize("number", [NUMBER, OTHER])
def test_a_stored_document_is_judged_like_one_at_hand(tmp_path: Path, number: str) -> None:
    content = (SAME.replace("</xbrl>", f"<!--{'x' * 200_000}--></xbrl>")).encode()
    files = PayloadFiles(tmp_path / "payloads")
    kept = files.keep(content, bytes(32))
    handle = files.open(kept.sha256, kept.size, bytes(32))
    assert validate(handle, number) == validate(content, number)


def test_a_damaged_document_is_not_found_invalid(tmp_path: Path) -> None:
    files = PayloadFiles(tmp_path / "payloads")
    kept = files.keep(b"<x>" + b" " * 200_000 + b"</x>", bytes(32))
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    stored = path.read_bytes()
    path.write_bytes(stored[:-1] + bytes([stored[-1] ^ 1]))
    with pytest.raises(PayloadDamaged):
        validate(files.open(kept.sha256, kept.size, bytes(32)))


def test_white_space_is_nothing_however_much(tmp_path: Path) -> None:
    files = PayloadFiles(tmp_path / "payloads")
    kept = files.keep(b" " * 200_000, bytes(32))
    found = validate(files.open(kept.sha256, kept.size, bytes(32)))
    assert found == (Outcome.INVALID, ["INHOUD-LEEG"])


def test_a_third_party_says_nothing_new() -> None:
    many = SAME.replace("</xbrl>", "<identifier>{}</identifier></xbrl>")
    assert validate(many.format(NUMBER)) == VALID
    assert validate(many.format(OTHER), OTHER) == (Outcome.INVALID, ["IDENTITEIT-ANDERS"])
    three = many.format(f"{OTHER}</identifier><identifier>3</identifier><identifier>{NUMBER}")
    assert validate(three) == (Outcome.INVALID, ["IDENTITEIT-ANDERS"])


def test_more_tags_than_we_validate_is_no_mistake_of_the_filer() -> None:
    tags = b"<x>" + b"<a/>" * limits.DOCUMENT_MAX_TAGS + b"</x>"
    assert validate(tags) == (Outcome.UNDETERMINED, [])
