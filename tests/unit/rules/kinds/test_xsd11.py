import re
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest
from lxml import etree
from zope.interface import implementedBy

from digipoort_wus.filing.finding import Finding
from digipoort_wus.rules.api import Outcome
from digipoort_wus.rules.kinds.xsd import XSD
from digipoort_wus.rules.kinds.xsd11 import XSD11
from digipoort_wus.rules.model import Cost, OptionError, Rule, TechnicalError
from digipoort_wus.rules.subject import TREE_MAX
from tests.conftest import need
from tests.unit.rules.kinds.judging import findings, report, rule, subject

XS = "http://www.w3.org/2001/XMLSchema"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
MAIN = f"""<xs:schema xmlns:xs="{XS}" xmlns:b="urn:b" targetNamespace="urn:a" xmlns="urn:a"
 elementFormDefault="qualified"><xs:import namespace="urn:b" schemaLocation="b.xsd"/>
<xs:include schemaLocation="http://example.nl/common/c.xsd"/>
<xs:element name="r"><xs:complexType><xs:sequence>
<xs:element name="n" type="b:small" maxOccurs="unbounded"/><xs:element name="m" type="day"/>
</xs:sequence><xs:attribute name="v" type="xs:int" use="required"/>
<xs:attribute name="f" fixed="1"/><xs:assert test="count(*) le @v + 1"/></xs:complexType>
<xs:unique name="once"><xs:selector xpath="*"/><xs:field xpath="@id"/></xs:unique>
</xs:element></xs:schema>"""
OTHER = f"""<xs:schema xmlns:xs="{XS}" targetNamespace="urn:b"><xs:complexType name="small">
<xs:simpleContent><xs:extension base="xs:int"><xs:attribute name="id"/></xs:extension>
</xs:simpleContent></xs:complexType></xs:schema>"""
COMMON = f"""<xs:schema xmlns:xs="{XS}" targetNamespace="urn:a"><xs:include
 schemaLocation="a.xsd"/><xs:simpleType name="day"><xs:restriction base="xs:date"><xs:assertion
 test="$value ge xs:date('2026-01-01')"/></xs:restriction></xs:simpleType></xs:schema>"""
END = "<m>2026-01-01</m>"


@pytest.fixture
def xmlschema() -> None:
    found = find_spec("xmlschema") is not None
    need("xmlschema", found=found, install="pip install 'digipoort-wus[xsd11]'")


def files(home: Path, **content: str) -> Mapping[str, Path]:
    found = {}
    for name, text in content.items():
        path = home / f"{name}.xsd"
        path.write_text(text)
        found[path.name] = path
    return found


@pytest.fixture
def judged(tmp_path: Path, xmlschema: None) -> Rule:
    return rule(XSD11, {"schema": "a.xsd"}, code="LH", artefacts=_three(tmp_path))


def _three(home: Path) -> Mapping[str, Path]:
    return files(home, a=MAIN, b=OTHER, c=COMMON)


def document(inner: str, attributes: str = "v='2'") -> str:
    return f"<r xmlns='urn:a' {attributes}>\n{inner}\n</r>"


def of(content: str | bytes, judged: Rule) -> tuple[Finding, ...]:
    return findings(subject(content), judged)


def test_works_where_zope_has_seen_a_sequence(tmp_path: Path, xmlschema: None) -> None:
    implementedBy(Sequence)
    test_valid(rule(XSD11, {"schema": "a.xsd"}, code="LH", artefacts=_three(tmp_path)))


def test_valid(judged: Rule) -> None:
    assert XSD11.cost is Cost.HEAVY
    assert of(document(f"<!-- c --><n>1</n><?p i?>{END}", "v='2' f='1'"), judged) == ()
    assert of(document(f"<n>1</n>{END}").encode("utf-16"), judged) == ()


@pytest.mark.parametrize(
    ("content", "code", "text"),
    [
        (document(f"<n>geheim</n>{END}"), "LH-WAARDE", "onderdeel n (regel 2)"),
        (document("<n>1</n><m>2025-12-31</m>"), "LH-WAARDE", "onderdeel m (regel 2)"),
        (document(f"<n>1</n>{END}", "v='2' f='geheim'"), "LH-WAARDE", "onderdeel r/@f (regel 1)"),
        (document(f"<n>1</n>{END}", "v='2' w='geheim'"), "LH-ATTRIBUUT", "staan: w"),
        (document("<n>1</n>"), "LH-ONTBREEKT", "onderdeel: m"),
        (document(f"<!-- c --><q>geheim</q>{END}"), "LH-ELEMENT", "onderdeel q (regel 2)"),
        (document(f"<n>1</n>{END}\n<q>geheim</q>"), "LH-TEVEEL", "onderdeel q (regel 3)"),
        (document(f"geheim<n>1</n>{END}"), "LH-OVERIG", "onderdeel r (regel 1)"),
        (document(f"<n id='1'>1</n><n id='1'>1</n>{END}"), "LH-OVERIG", "onderdeel n (regel 2)"),
        (document(f"<n>1</n>\n<n>2</n><n>3</n>{END}"), "LH-VOORWAARDE", "onderdeel r (regel 1)"),
        ("<z>geheim</z>", "LH-ROOT", "onderdeel z"),
        (
            document(f"<n xmlns:i='{XSI}' i:type='geheim'>1</n>{END}"),
            "LH-OVERIG",
            "onderdeel n (regel 2)",
        ),
        (
            document(f"<n xmlns:i='{XSI}' i:type='geheim:x'>1</n>{END}"),
            "LH-OVERIG",
            "onderdeel n (regel 2)",
        ),
    ],
)
def test_invalid(judged: Rule, content: str, code: str, text: str) -> None:
    (found,) = of(content, judged)
    assert found.code == code
    assert text in found.text
    assert "geheim" not in found.text
    assert "geheim" not in found.where


def test_a_required_attribute(judged: Rule) -> None:
    found = {each.code: each.text for each in of(document(f"<n>1</n>{END}", ""), judged)}
    assert "kenmerk: v" in found["LH-KENMERK"]


@pytest.mark.parametrize("type_", ["xs:int", "b:small"])
def test_a_type_that_is_one(judged: Rule, type_: str) -> None:
    declared = f"xmlns:i='{XSI}' xmlns:xs='{XS}' xmlns:b='urn:b'"
    found = of(document(f"<n {declared} i:type='{type_}'>1</n>{END}"), judged)
    # The other one is a type, too, and may not stand here.
    assert bool(found) is (type_ == "xs:int")


def test_where(judged: Rule) -> None:
    (found,) = of(document(f"<n>1</n>{END}", "v='2' f='2'"), judged)
    assert found.where == "/*[local-name()='r']/@f (regel 1)"


@pytest.mark.parametrize(
    "content",
    [
        document(f"<n>1</n>{END}"),
        document(f"<n>x</n>{END}"),
        document(f"<q/>{END}"),
        document(f"<n>1</n>{END}<q/>"),
        document(f"<n>1</n>{END}", ""),
        document(f"<n>1</n>{END}", "v='1' w='2'"),
        document(f"<n>1</n>{END}", "v='x'"),
        document(f"x<n>1</n>{END}"),
        document(f"<n id='1'>1</n><n id='1'>1</n>{END}"),
        "<z/>",
    ],
)
def test_the_kind_xsd_says_the_same(tmp_path: Path, xmlschema: None, content: str) -> None:
    """Where the schema has nothing of 1.1."""
    plain = re.sub(r"<xs:assert[^>]*/>", "", MAIN), re.sub(r"<xs:assertion[^>]*/>", "", COMMON)
    artefacts = files(tmp_path, a=plain[0], b=OTHER, c=plain[1])
    said = [
        [(each.code, each.text) for each in of(content, one)]
        for one in (
            rule(kind, {"schema": "a.xsd"}, code="LH", artefacts=artefacts) for kind in (XSD, XSD11)
        )
    ]
    assert said[0] == said[1]


def test_a_document_that_cannot_be_parsed_is_not_judged(judged: Rule) -> None:
    assert report(subject("<r"), judged).outcome is Outcome.UNDETERMINED
    doctype = f"<!DOCTYPE r [<!ENTITY e '1'>]>{document(f'<n>&e;</n>{END}')}"
    assert report(subject(doctype), judged).outcome is Outcome.UNDETERMINED


def test_a_document_without_a_tree_is_not_judged(judged: Rule) -> None:
    large = document(f"<n>1</n>{END}") + " " * TREE_MAX
    assert report(subject(large), judged).outcome is Outcome.UNDETERMINED


def test_a_document_that_is_too_deep_is_not_let_through(tmp_path: Path, xmlschema: None) -> None:
    text = f"""<xs:schema xmlns:xs="{XS}"><xs:element name="d"><xs:complexType><xs:sequence>
<xs:element ref="d" minOccurs="0"/></xs:sequence><xs:attribute name="v" type="xs:int"/>
</xs:complexType></xs:element></xs:schema>"""
    one = rule(XSD11, {"schema": "a.xsd"}, artefacts=files(tmp_path, a=text))
    for depth in (10, 250):
        found = report(subject("<d>" * depth + "<d v='x'/>" + "</d>" * depth), one)
        assert found.outcome is not Outcome.VALID


def test_what_the_document_says_of_schemas_is_nothing(judged: Rule, tmp_path: Path) -> None:
    path = tmp_path / "z.xsd"
    path.write_text(f"<xs:schema xmlns:xs='{XS}'><xs:element name='z'/></xs:schema>")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        for uri in (path.as_uri(), f"http://127.0.0.1:{server.getsockname()[1]}/z.xsd"):
            content = f"<z xmlns:i='{XSI}' i:noNamespaceSchemaLocation='{uri}'/>"
            assert [each.code for each in of(content, judged)] == ["LH-ROOT"]
            hint = f"v='2' xmlns:i='{XSI}' i:schemaLocation='urn:z {uri} urn:a {uri}'"
            assert of(document(f"<n>1</n>{END}", hint), judged) == ()
        with pytest.raises(BlockingIOError):
            server.accept()


def test_threads_may_share_a_rule(judged: Rule) -> None:
    counts: dict[int, list[int]] = {}

    def work(number: int) -> None:
        text = document("<n>x</n>" * number + f"<n>1</n>{END}", "v='9'")
        counts[number] = [len(of(text, judged)) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert counts == {number: [number] * 20 for number in range(4)}


def compiled(home: Path, options: Mapping[str, object], **content: str) -> Rule:
    return rule(XSD11, {"schema": "a.xsd", **options}, artefacts=files(home, **content))


def test_a_schema_by_another_name(tmp_path: Path, xmlschema: None) -> None:
    main = MAIN.replace("http://example.nl/common/c.xsd", "http://example.nl/other")
    content = {"a": main, "b": OTHER, "c": COMMON}
    compiled(tmp_path, {"locations": {"http://example.nl/other": "c.xsd"}}, **content)
    with pytest.raises(OptionError, match=r"refers to http://example\.nl/other: list that schema"):
        compiled(tmp_path, {}, **content)


@pytest.mark.parametrize("word", ["include", "redefine", "override"])
def test_nothing_but_artefacts_is_opened(tmp_path: Path, word: str) -> None:
    outside = tmp_path / "outside" / "o.xsd"
    outside.parent.mkdir()
    outside.write_text(f"<xs:schema xmlns:xs='{XS}'><xs:element name='z'/></xs:schema>")
    text = (
        f"<xs:schema xmlns:xs='{XS}'><xs:{word} schemaLocation='{outside.as_uri()}'/></xs:schema>"
    )
    with pytest.raises(OptionError, match="refers to file:"):
        compiled(tmp_path, {}, a=text)


def test_an_import_without_a_place_fetches_nothing(tmp_path: Path, xmlschema: None) -> None:
    text = (
        f"<xs:schema xmlns:xs='{XS}' xmlns:h='http://www.w3.org/1999/xhtml'>"
        "<xs:import namespace='http://www.w3.org/1999/xhtml'/>{}</xs:schema>"
    )
    one = compiled(tmp_path, {}, a=text.format("<xs:element name='z'/>"))
    assert of("<z/>", one) == ()
    with pytest.raises(OptionError, match=r"a\.xsd is no XML Schema 1\.1: "):
        compiled(tmp_path, {}, a=text.format("<xs:element ref='h:p'/>"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<xs:schema", "a.xsd cannot be read"),
        ("<x/>", "a.xsd is no XML Schema 1.1: "),
        (
            f"<xs:schema xmlns:xs='{XS}'><xs:element name='z' type='y'/></xs:schema>",
            "a.xsd is no XML Schema 1.1: ",
        ),
    ],
)
def test_what_is_no_schema(tmp_path: Path, xmlschema: None, text: str, said: str) -> None:
    with pytest.raises(OptionError, match=re.escape(said)):
        compiled(tmp_path, {}, a=text)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"schema": "z.xsd"}, "z.xsd"),
        ({"codes": {"assert": "X"}}, "option codes.assert is not known; known: root, element"),
        ({"codes": {"condition": "X" * 21}}, "has more than 20 characters"),
        ({"other": 1}, "option other is not known; known options: schema, locations, codes"),
    ],
)
def test_options_that_are_wrong(tmp_path: Path, options: Mapping[str, object], said: str) -> None:
    with pytest.raises(OptionError, match=re.escape(said)):
        compiled(tmp_path, options, a=f"<xs:schema xmlns:xs='{XS}'/>")


def test_codes_may_have_other_names(tmp_path: Path, xmlschema: None) -> None:
    content = {"a": MAIN, "b": OTHER, "c": COMMON}
    one = compiled(tmp_path, {"codes": {"condition": "SAMEN"}}, **content)
    assert [each.code for each in of(document(f"<n>1</n>{END}", "v='0'"), one)] == ["SAMEN"]


def test_it_has_texts_of_its_own(tmp_path: Path) -> None:
    artefacts = files(tmp_path, a=MAIN)
    with pytest.raises(OptionError, match="this kind has texts of its own"):
        rule(XSD11, {"schema": "a.xsd"}, "fout", artefacts=artefacts)


def test_without_the_extra_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xmlschema", None)
    with pytest.raises(TechnicalError) as caught:
        compiled(tmp_path, {}, a=MAIN, b=OTHER, c=COMMON)
    assert str(caught.value) == "xmlschema is not installed: pip install 'digipoort-wus[xsd11]'"


def test_the_tree_is_not_changed(judged: Rule) -> None:
    about = subject(document(f"<n>x</n>{END}", ""))
    before = etree.tostring(about.tree())
    assert report(about, judged).outcome is Outcome.INVALID
    assert etree.tostring(about.tree()) == before
