import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.filing.finding import Finding
from digipoort_wus.rules.api import Outcome
from digipoort_wus.rules.kinds import xsd
from digipoort_wus.rules.kinds.xsd import XSD
from digipoort_wus.rules.model import OptionError, Rule
from digipoort_wus.rules.subject import TREE_MAX
from tests.unit.rules.kinds.judging import findings, report, rule, subject

XS = "http://www.w3.org/2001/XMLSchema"
MAIN = f"""<xs:schema xmlns:xs="{XS}" xmlns:b="urn:b" targetNamespace="urn:a"
 elementFormDefault="qualified"><xs:import namespace="urn:b" schemaLocation="b.xsd"/>
<xs:element name="r"><xs:complexType><xs:sequence>
<xs:element name="n" type="b:small" maxOccurs="unbounded"/><xs:element name="m" type="xs:date"/>
</xs:sequence><xs:attribute name="v" type="xs:int" use="required"/></xs:complexType>
<xs:unique name="once"><xs:selector xpath="*"/><xs:field xpath="@id"/></xs:unique>
</xs:element></xs:schema>"""
OTHER = f"""<xs:schema xmlns:xs="{XS}" targetNamespace="urn:b"><xs:simpleType name="small">
<xs:restriction base="xs:int"><xs:maxInclusive value="9"/></xs:restriction></xs:simpleType>
</xs:schema>"""
END = "<m>2026-01-01</m>"


def files(home: Path, **content: str) -> Mapping[str, Path]:
    found = {}
    for name, text in content.items():
        path = home / f"{name}.xsd"
        path.write_text(text)
        found[path.name] = path
    return found


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Rule:
    home = tmp_path_factory.mktemp("xsd")
    return rule(XSD, {"schema": "a.xsd"}, code="LH", artefacts=files(home, a=MAIN, b=OTHER))


def document(inner: str, attributes: str = "v='1'") -> str:
    return f"<r xmlns='urn:a' {attributes}>\n{inner}\n</r>"


def of(content: str | bytes, judged: Rule) -> tuple[Finding, ...]:
    return findings(subject(content), judged)


def test_valid(judged: Rule) -> None:
    assert of(document(f"<n>1</n>{END}"), judged) == ()
    assert of(document(f"<n>1</n>{END}").encode("utf-16"), judged) == ()


@pytest.mark.parametrize(
    ("content", "code", "text"),
    [
        (document(f"<n>geheim</n>{END}"), "LH-WAARDE", "onderdeel n (regel 2)"),
        (document(f"<n>10</n>{END}"), "LH-WAARDE", "onderdeel n (regel 2)"),
        (document(f"<n>1</n>{END}", "v='geheim'"), "LH-WAARDE", "onderdeel r/@v (regel 1)"),
        (document(f"<n>1</n>{END}", ""), "LH-KENMERK", "kenmerk: v"),
        (document(f"<n>1</n>{END}", "v='1' w='geheim'"), "LH-ATTRIBUUT", "staan: w"),
        (document("<n>1</n>"), "LH-ONTBREEKT", "onderdeel: n, m"),
        (document(f"<q>geheim</q>{END}"), "LH-ELEMENT", "onderdeel q (regel 2)"),
        (document(f"<n>1</n>{END}<m>geheim</m>"), "LH-TEVEEL", "onderdeel m (regel 2)"),
        (document(f"geheim<n>1</n>{END}"), "LH-OVERIG", "onderdeel r (regel 1)"),
        ("<z>geheim</z>", "LH-ROOT", "onderdeel z"),
    ],
)
def test_invalid(judged: Rule, content: str, code: str, text: str) -> None:
    (found,) = of(content, judged)
    assert found.code == code
    assert text in found.text
    assert "geheim" not in found.text
    assert "geheim" not in found.where


@pytest.mark.parametrize(
    "inner",
    [
        f"<n>}}geheim': x</n>{END}",
        f"<n>', attribute 'geheim': </n>{END}",
        "<n>1</n><m>Expected is ( geheim ).</m>",
        f'<n id="geheim\'}}">1</n><n id="geheim\'}}">1</n>{END}',
    ],
)
def test_no_value_gets_into_a_text(judged: Rule, inner: str) -> None:
    for content in (document(inner), document(inner + " " * 70_000)):
        found = of(content, judged)
        assert found
        assert all("geheim" not in each.text for each in found)


PARTS = ("<n>1</n>", "<n>99</n>", "<n>a&amp;b</n>", "<n/>", END, "<m>x</m>", "<q/>", "tekst")


@given(st.lists(st.sampled_from(PARTS), max_size=8), st.sampled_from(["v='1'", "", "v='x'"]))
def test_a_stream_gives_what_a_tree_gives(judged: Rule, parts: list[str], attributes: str) -> None:
    content = document("".join(parts), attributes)
    by_tree = of(content, judged)
    larger = of(content + f"<!--{'x' * xsd._SMALL}-->", judged)
    assert larger == by_tree
    # So large that there is no tree: then lines and paths are not known, nor what was told twice.
    largest = of(content + f"<!--{'x' * TREE_MAX}-->", judged)
    assert {each.code for each in largest} == {each.code for each in by_tree}
    assert len(largest) >= len(by_tree)


def test_many_warnings_hide_no_error(judged: Rule) -> None:
    mild = replace(judged, severities={"LH-WAARDE": "warning"})
    # What is missing at the end is not looked for any more, so it may be missing.
    content = document("<n>x</n>" * 20_000)
    assert report(subject(content), mild).outcome is Outcome.UNDETERMINED
    assert report(subject(content), judged).outcome is Outcome.INVALID


def test_many_mistakes_take_no_more_time_than_their_number(judged: Rule) -> None:
    began = time.process_time()
    found = of(document("<n>x</n>" * 400_000), judged)
    assert len(found) == 100
    assert time.process_time() - began < 20


def test_a_document_of_any_size_is_judged(judged: Rule) -> None:
    large = "<n>1</n>" * 600_000
    assert of(document(f"{large}{END}"), judged) == ()
    assert [each.code for each in of(document(f"{large}"), judged)] == ["LH-ONTBREEKT"]


def test_a_document_that_cannot_be_parsed_is_not_judged(judged: Rule) -> None:
    assert report(subject("<r"), judged).outcome is Outcome.UNDETERMINED


def test_what_the_document_says_of_schemas_is_nothing(judged: Rule, tmp_path: Path) -> None:
    path = tmp_path / "c.xsd"
    path.write_text(f"<xs:schema xmlns:xs='{XS}'><xs:element name='z'/></xs:schema>")
    instance = "http://www.w3.org/2001/XMLSchema-instance"
    content = f"<z xmlns:i='{instance}' i:noNamespaceSchemaLocation='{path.as_uri()}'/>"
    for padding in ("", " " * 70_000):
        assert [each.code for each in of(content + padding, judged)] == ["LH-ROOT"]


def compiled(home: Path, options: Mapping[str, object], **content: str) -> Rule:
    return rule(XSD, {"schema": "a.xsd", **options}, artefacts=files(home, **content))


@pytest.mark.parametrize(
    ("location", "options"),
    [
        ("b.xsd", {}),
        ("./b.xsd", {}),
        ("../common/b.xsd", {}),
        ("http://example.nl/x/b.xsd", {}),
        ("http://example.nl/c.xsd", {"locations": {"http://example.nl/c.xsd": "b.xsd"}}),
    ],
)
def test_where_an_artefact_is_meant(
    tmp_path: Path, location: str, options: Mapping[str, object]
) -> None:
    main = MAIN.replace('"b.xsd"', f'"{location}"')
    own = compiled(tmp_path, options, a=main, b=OTHER)
    assert of(document(f"<n>1</n>{END}"), own) == ()
    assert len(of(document(f"<n>x</n>{END}"), own)) == 1


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.1:9/c.xsd", "file:///etc/passwd", "/etc/passwd", "c.xsd", "../c.xsd"],
)
def test_nothing_else_is_opened(tmp_path: Path, location: str) -> None:
    (tmp_path / "c.xsd").write_text(OTHER)
    main = MAIN.replace('"b.xsd"', f'"{location}"')
    with pytest.raises(OptionError, match="list that schema as an artefact"):
        compiled(tmp_path, {}, a=main, b=OTHER)
    with pytest.raises(OptionError, match="list that schema as an artefact"):
        compiled(
            tmp_path,
            {},
            a=MAIN,
            b=OTHER.replace(
                "<xs:simpleType", f"<xs:include schemaLocation='{location}'/><xs:simpleType"
            ),
        )


def test_two_artefacts_of_one_name_are_told_apart(tmp_path: Path) -> None:
    found = files(tmp_path, a=MAIN.replace("b.xsd", "http://example.nl/b.xsd"), b=OTHER, c="<x/>")
    artefacts = {"a.xsd": found["a.xsd"], "one/b.xsd": found["b.xsd"], "two/b.xsd": found["c.xsd"]}
    with pytest.raises(OptionError, match="list that schema as an artefact"):
        rule(XSD, {"schema": "a.xsd"}, artefacts=artefacts)
    near = {"one/a.xsd": files(tmp_path, d=MAIN)["d.xsd"], **artefacts}
    assert of(document(f"<n>1</n>{END}"), rule(XSD, {"schema": "one/a.xsd"}, artefacts=near)) == ()


def test_schemas_may_include_each_other(tmp_path: Path) -> None:
    parts = {
        "a": f"<xs:schema xmlns:xs='{XS}'><xs:include schemaLocation='b.xsd'/>"
        "<xs:element name='x' type='t'/></xs:schema>",
        "b": f"<xs:schema xmlns:xs='{XS}'><xs:include schemaLocation='a.xsd'/>"
        "<xs:simpleType name='t'><xs:restriction base='xs:int'/></xs:simpleType></xs:schema>",
    }
    own = compiled(tmp_path, {}, **parts)
    assert of("<x>1</x>", own) == ()
    assert [each.code for each in of("<x>a</x>", own)] == ["RULE-WAARDE"]


def test_an_entity_of_a_schema_opens_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("urn:secret")
    main = (
        f"<!DOCTYPE x [<!ENTITY e SYSTEM '{secret.as_uri()}'>]>"
        f"<xs:schema xmlns:xs='{XS}'><xs:annotation><xs:documentation>&e;</xs:documentation>"
        "</xs:annotation><xs:element name='x'/></xs:schema>"
    )
    with pytest.raises(OptionError) as raised:
        compiled(tmp_path, {}, a=main)
    assert "urn:secret" not in str(raised.value)
    inner = main.replace(f"SYSTEM '{secret.as_uri()}'", "'xs:int'").replace("&e;", "")
    own = compiled(tmp_path, {}, a=inner.replace("name='x'", "name='x' type='&e;'"))
    assert of("<x>1</x>", own) == ()
    assert len(of("<x>a</x>", own)) == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("<x", "a.xsd cannot be read"),
        ("<x/>", "a.xsd is no XML Schema 1.0"),
        (f"<xs:schema xmlns:xs='{XS}'><xs:element type='no'/></xs:schema>", "no XML Schema 1.0"),
    ],
)
def test_what_is_no_schema(tmp_path: Path, content: str, sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence):
        compiled(tmp_path, {}, a=content)


def test_wrong_options(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="option schema is missing"):
        rule(XSD, {})
    with pytest.raises(OptionError, match=r"z\.xsd is no artefact"):
        compiled(tmp_path, {"schema": "z.xsd"}, a=MAIN)
    with pytest.raises(OptionError, match="option x is not known"):
        compiled(tmp_path, {"x": 1}, a=MAIN, b=OTHER)
    with pytest.raises(OptionError, match="texts of its own"):
        rule(XSD, {"schema": "a.xsd"}, "t", artefacts=files(tmp_path, a=MAIN, b=OTHER))
