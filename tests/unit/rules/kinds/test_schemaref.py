from collections.abc import Mapping

import pytest

from digipoort_wus.rules.kinds.schemaref import SCHEMA_REF, Difference, nearest
from digipoort_wus.rules.model import OptionError
from tests.unit.rules.kinds.judging import findings, rule, subject

XBRLI = "http://www.xbrl.org/2003/instance"
BASE = "http://www.nltaxonomie.nl"
OB_2025 = f"{BASE}/nt19/bd/20241211/entrypoints/bd-rpt-ob-aangifte-2025.xsd"
OB_2026 = f"{BASE}/nt20/bd/20251210/entrypoints/bd-rpt-ob-aangifte-2026.xsd"
KNOWN = (OB_2025, OB_2026)
RULE = rule(SCHEMA_REF, {"allowed": list(KNOWN)}, "onbekend: {found}", code="OB-REF")


def xbrl(*addresses: str, inner: str = "") -> str:
    references = "".join(f"<l:schemaRef x:type='simple' x:href='{each}'/>" for each in addresses)
    return (
        f"<xbrl xmlns='{XBRLI}' xmlns:l='http://www.xbrl.org/2003/linkbase' "
        f"xmlns:x='http://www.w3.org/1999/xlink'>{references}{inner}</xbrl>"
    )


def judged(content: str) -> list[tuple[str, str]]:
    return [(each.code, each.text) for each in findings(subject(content), RULE)]


@pytest.mark.parametrize("content", [xbrl(OB_2025), xbrl(OB_2026), xbrl(f" {OB_2026}\n")])
def test_known(content: str) -> None:
    assert judged(content) == []


@pytest.mark.parametrize(
    ("address", "found"),
    [
        (f"{BASE}/nt21/bd/20261209/entrypoints/bd-rpt-ob-aangifte-2027.xsd", None),
        ("file:///etc/passwd", "passwd"),
        ("../../x.xsd", "x.xsd"),
        ("http://127.0.0.1:8080/", ""),
        ("", ""),
        ("x" * 100_000, "x" * 39 + "…"),
    ],
)
def test_unknown(address: str, found: str | None) -> None:
    expected = "bd-rpt-ob-aangifte-2027.xsd" if found is None else found
    assert judged(xbrl(address)) == [("OB-REF", f"onbekend: {expected}")]


@pytest.mark.parametrize(
    ("address", "found", "expected"),
    [
        (OB_2026.replace("http:", "https:"), "https", "http"),
        (OB_2026.replace("20251210", "2025121O"), "2025121O", "20251210"),
        (OB_2026.replace("nt20", "nt2"), "nt2", "nt20"),
        (OB_2026.replace("nt20", "nt200"), "nt200", "nt20"),
        (OB_2026.replace("aangifte", "aagnifte"), "aagnifte", "aangifte"),
        (OB_2026.replace("ob-aangifte", "OB-Aangifte"), "OB-Aangifte", "ob-aangifte"),
        (OB_2026.replace("www.", ""), "nltaxonomie", "www.nltaxonomie"),
        (OB_2026.removesuffix("d"), "xs", "xsd"),
        (f"{OB_2026}/", "xsd/", "xsd"),
        (OB_2026.replace("-2026", "-2027"), "2027", "2026"),
        (OB_2026[1:], "ttp", "http"),
    ],
)
def test_nearly_known(address: str, found: str, expected: str) -> None:
    ((code, text),) = judged(xbrl(address))
    assert code == "OB-REF-SPELLING"
    assert f"staat {found} waar {expected} verwacht" in text


def test_nearly_two_is_neither() -> None:
    assert nearest("a-2027", ("a-2025", "a-2026")) is None
    assert nearest("a-2027", ("a-2025", "b-2026")) == Difference("2027", "2025")
    assert nearest("a-2025", ("a-2025",)) is None


@pytest.mark.parametrize(
    "content",
    [
        xbrl(),
        "<x/>",
        xbrl().replace(XBRLI, "urn:x").replace("</xbrl>", "</xbrl>"),
        # Where it stands it is none of the document's.
        xbrl(inner=f"<tuple><l:schemaRef x:href='{OB_2026}'/></tuple>"),
    ],
)
def test_none(content: str) -> None:
    ((code, _),) = judged(content)
    assert code == "OB-REF-GEEN"


def test_each_of_several_wherever_it_stands() -> None:
    found = judged(
        xbrl(OB_2026, "file:///a", "file:///a", inner="<t><l:schemaRef x:href='http://b/c'/></t>")
    )
    assert found == [("OB-REF", "onbekend: a"), ("OB-REF", "onbekend: c")]


def test_many_are_not_kept() -> None:
    found = judged(xbrl(*(f"file:///{number}" for number in range(5_000))))
    assert len(found) == 20


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({}, "allowed is missing"), ({"allowed": []}, "not be empty"), ({"x": 1}, "allowed")],
)
def test_wrong_options(options: Mapping[str, object], sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence):
        rule(SCHEMA_REF, options, "t")
    with pytest.raises(OptionError, match="must be given"):
        rule(SCHEMA_REF, {"allowed": ["a"]})


NEWER = (
    r"http://www\.nltaxonomie\.nl/nt[0-9]+/bd/([0-9]{8})/entrypoints/bd-rpt-ob-aangifte-[0-9]+\.xsd"
)


@pytest.mark.parametrize(
    ("address", "code", "found"),
    [
        (
            f"{BASE}/nt20/bd/20260916/entrypoints/bd-rpt-ob-aangifte-2026.xsd",
            "NIEUW",
            "nt20/bd/20260916",
        ),
        (
            f"{BASE}/nt21/bd/20261209/entrypoints/bd-rpt-ob-aangifte-2027.xsd",
            "NIEUW",
            "bd-rpt-ob-aangifte-2027.xsd",
        ),
        (
            f"{BASE}/nt18/bd/20231213/entrypoints/bd-rpt-ob-aangifte-2024.xsd",
            "",
            "bd-rpt-ob-aangifte-2024.xsd",
        ),
        (
            f"{BASE}/nt21/bd/20261209/entrypoints/bd-rpt-icp-opgaaf-2027.xsd",
            "",
            "bd-rpt-icp-opgaaf-2027.xsd",
        ),
        ("http://127.0.0.1:9/bd-rpt-ob-aangifte-2026.xsd", "", "127.0.0.1:9"),
    ],
)
def test_what_is_newer_than_all_that_are_known_is_a_warning(
    address: str, code: str, found: str
) -> None:
    options = {"allowed": list(KNOWN), "newer": NEWER}
    newer = rule(SCHEMA_REF, options, "onbekend: {found}", code="OB-REF")
    (finding,) = findings(subject(xbrl(address)), newer)
    assert finding.code == ("OB-REF-NIEUW" if code else "OB-REF")
    assert finding.severity == ("warning" if code else "error")
    assert f" {found}" in finding.text


def test_newer_has_one_group() -> None:
    with pytest.raises(OptionError, match="one group"):
        rule(SCHEMA_REF, {"allowed": [OB_2026], "newer": "http://.*"}, "x", code="OB-REF")
