"""The kinds of this package, as a rule set says them."""

import hashlib
from pathlib import Path

import pytest

from digipoort_wus.filing.party import Party
from digipoort_wus.rules.api import Outcome, Stage
from digipoort_wus.rules.discovery import installed_kinds
from digipoort_wus.rules.loading import load_set
from digipoort_wus.rules.model import Plan
from digipoort_wus.rules.running import run
from digipoort_wus.rules.subject import Enclosure, Envelope, Subject
from tests.unit.rules.kinds.judging import NUMBER, RECEIVED

XBRLI = "http://www.xbrl.org/2003/instance"
DATA = "http://www.nltaxonomie.nl/nt20/bd/20251210/dictionary/bd-data"
HREF = "http://www.nltaxonomie.nl/nt20/bd/20251210/entrypoints/bd-rpt-ob-aangifte-2026.xsd"
SCHEMA = (
    "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' "
    f"targetNamespace='{XBRLI}'><xs:element name='xbrl'/></xs:schema>"
).encode()
MESSAGE = 'message.nl = "fout {found}"\nmessage.en = "wrong {found}"'
PLAIN = 'message.nl = "fout"\nmessage.en = "wrong"'
SET = f"""\
id = "nl.example"
version = "1"
title.nl = "Voorbeeld"
title.en = "Example"
berichtsoorten = ["Omzetbelasting"]
valid_from = 2026-01-01

[artefacts."small.xsd"]
sha256 = "{hashlib.sha256(SCHEMA).hexdigest()}"

[[layer]]
id = "envelope"
goes_on = true
[[layer.rule]]
code = "NAME"
use = "file-name"
severity = "warning"
{MESSAGE}
options.pattern = "[0-9A-Za-z_-]+[.]xbrl"
[[layer.rule]]
code = "MIME"
use = "mime-type"
severity = "error"
{MESSAGE}
options.allowed = ["text/xml", "application/xml"]
[[layer.rule]]
code = "SIZE"
use = "size"
severity = "error"
{MESSAGE}
options.most = 20_971_520
[[layer.rule]]
code = "ATTACHMENTS"
use = "attachments"
severity = "error"
{MESSAGE}
options.most = 0
[[layer.rule]]
code = "INHOUD-LEEG"
use = "not-empty"
severity = "fatal"
{PLAIN}

[[layer]]
id = "xml"
mime_types = ["text/xml", "application/xml"]
goes_on = true
[[layer.rule]]
code = "XML-DOCTYPE"
use = "no-doctype"
severity = "fatal"
{PLAIN}
[[layer.rule]]
code = "XML-ONLEESBAAR"
use = "well-formed"
severity = "fatal"
message.nl = "fout op regel {{line}}"
message.en = "wrong at line {{line}}"
[[layer.rule]]
code = "IDENTITEIT"
use = "identity"
options.root = "{{{XBRLI}}}xbrl"
options.elements = ["{{{XBRLI}}}identifier"]
options.types = ["Fi", "BTW"]
options.scheme = "www.belastingdienst.nl/omzetbelastingnummer"
options.number = "omzetbelastingnummer"
options.codes.form = "OB-FORM"
[[layer.rule]]
code = "OB-REF"
use = "schema-ref"
severity = "error"
{MESSAGE}
options.allowed = ["{HREF}"]
[[layer.rule]]
code = "OB-SUM-5G"
use = "sum"
severity = "warning"
message.nl = "{{total}} is niet {{sum}}; verschil {{difference}}"
message.en = "{{total}} is not {{sum}}; difference {{difference}}"
options.namespace = "http://www.nltaxonomie.nl/*/bd/*/dictionary/bd-data"
options.total = "ValueAddedTaxOwedToBePaidBack"
options.plus = ["ValueAddedTaxOwed"]
options.minus = ["ValueAddedTaxOnInput"]
options.tolerance = 0
[[layer.rule]]
code = "OB-INT"
use = "xpath"
severity = "error"
{MESSAGE}
[layer.rule.options]
each = "/x:xbrl/*[@unitRef]"
test = "@decimals = 'INF'"
namespaces = {{ x = "{XBRLI}" }}
values = {{ found = "local-name()" }}
[[layer.rule]]
code = "XSD"
use = "xsd"
options.schema = "small.xsd"

[override."IDENTITEIT-ELF"]
severity = "error"
reason = "in this test"
"""


def fact(name: str, amount: int, decimals: str = "INF") -> str:
    return f"<b:{name} contextRef='c' unitRef='u' decimals='{decimals}'>{amount}</b:{name}>"


def document(
    number: str = NUMBER, href: str = HREF, paid: int = 59, decimals: str = "INF"
) -> bytes:
    return (
        f"<xbrl xmlns='{XBRLI}' xmlns:b='{DATA}' xmlns:l='http://www.xbrl.org/2003/linkbase' "
        f"xmlns:k='http://www.w3.org/1999/xlink'><l:schemaRef k:href='{href}'/><context id='c'>"
        "<entity><identifier scheme='www.belastingdienst.nl/omzetbelastingnummer'>"
        f"{number}</identifier></entity></context>"
        f"{fact('ValueAddedTaxOwed', 294)}{fact('ValueAddedTaxOnInput', 235, decimals)}"
        f"{fact('ValueAddedTaxOwedToBePaidBack', paid)}</xbrl>"
    ).encode()


@pytest.mark.parametrize(
    ("content", "file_name", "outcome", "codes"),
    [
        (document(), "a.xbrl", Outcome.VALID, []),
        (document(), "é.xbrl", Outcome.VALID, ["NAME"]),
        (document(paid=60), "a.xbrl", Outcome.VALID, ["OB-SUM-5G"]),
        (document("123456782B01"), "a.xbrl", Outcome.INVALID, ["IDENTITEIT-ANDERS"]),
        (document("1"), "a.xbrl", Outcome.INVALID, ["IDENTITEIT-ANDERS", "OB-FORM"]),
        (document(href="file:///x"), "a.xbrl", Outcome.INVALID, ["OB-REF"]),
        (
            document(href=HREF.replace("http", "https")),
            "a.xbrl",
            Outcome.INVALID,
            ["OB-REF-SPELLING"],
        ),
        (document(decimals="2"), "a.xbrl", Outcome.INVALID, ["OB-INT"]),
        (b"", "a.xbrl", Outcome.INVALID, ["INHOUD-LEEG"]),
        (b"<x>", "a.xbrl", Outcome.INVALID, ["XML-ONLEESBAAR"]),
        (b"<!DOCTYPE x><x/>", "a.xbrl", Outcome.INVALID, ["XML-DOCTYPE"]),
        (b"<x/>", "a.xbrl", Outcome.INVALID, ["OB-REF-GEEN", "XSD-ROOT"]),
    ],
)
def test_a_set_with_every_kind(
    tmp_path: Path, content: bytes, file_name: str, outcome: Outcome, codes: list[str]
) -> None:
    (tmp_path / "small.xsd").write_bytes(SCHEMA)
    path = tmp_path / "set.toml"
    path.write_text(SET)
    layers = load_set(path, installed_kinds()).layers
    enclosure = Enclosure(file_name, "text/xml", len(content))
    envelope = Envelope("Omzetbelasting", RECEIVED, enclosure, Party(NUMBER, "Fi"))
    found = run(Plan(layers), Subject(envelope, content), Stage.CONTENT)
    assert (found.outcome, [each.code for each in found.findings]) == (outcome, codes)
