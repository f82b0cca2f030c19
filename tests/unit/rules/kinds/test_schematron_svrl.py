import pytest
from lxml import etree

from digipoort_wus.rules.kinds.schematron_svrl import Reported, located, reported
from digipoort_wus.rules.model import TechnicalError
from tests.unit.rules.kinds.schematron_sheets import SVRL

ROOT = etree.fromstring(
    "<x xmlns='urn:n' xmlns:m='urn:m'><!-- c --><a/><?p i?><a v='1'><m:b w='2' m:w='3'/><b/></a>"
    "<c xmlns=''><d>é</d></c></x>"
)
A, B = ROOT[2 + 1], ROOT[3][0]


def svrl(*children: str) -> str:
    return f"<s:schematron-output xmlns:s='{SVRL}'>{''.join(children)}</s:schematron-output>"


def test_only_what_is_wrong_is_reported() -> None:
    text = svrl(
        "<s:active-pattern/><s:fired-rule context='x'/>",
        "<s:failed-assert id=' A-1 ' role='Warning' location='/x'><s:text>t</s:text>"
        "<s:diagnostic-reference><s:failed-in-text/></s:diagnostic-reference></s:failed-assert>",
        "<s:fired-rule/><s:successful-report id='R-1'/><s:skipped-assert id='S'/>",
        "<failed-assert xmlns='' id='other'/>",
    )
    assert list(reported(text)) == [Reported("A-1", "warning", "/x"), Reported("R-1", None, "")]


@pytest.mark.parametrize(
    ("attributes", "severity"),
    [
        ("role='fatal'", "error"),
        ("role='error'", "error"),
        ("flag='FATAL'", "error"),
        ("flag='warning'", "warning"),
        ("role='info'", "info"),
        ("role='information'", "info"),
        ("role='supplier'", None),
        ("role='supplier' flag='warn'", "warning"),
        ("role='warning' flag='fatal'", "error"),
        ("", None),
    ],
)
def test_role_and_flag_say_how_severe_it_is(attributes: str, severity: str | None) -> None:
    (found,) = reported(svrl(f"<s:failed-assert id='A' {attributes}/>"))
    assert found.severity == severity


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no XML",
        "<x/>",
        "<schematron-output/>",
        f"<s:schematron-output xmlns:s='{SVRL}'>",
    ],
)
def test_what_is_no_svrl(text: str) -> None:
    with pytest.raises(TechnicalError) as caught:
        list(reported(text))
    assert str(caught.value) == "the stylesheet does not write SVRL"
    assert caught.value.__cause__ is None


def test_a_rule_that_could_not_be_judged() -> None:
    with pytest.raises(TechnicalError) as caught:
        list(reported(svrl("<s:error code='FORG0001'>geheim</s:error>")))
    assert str(caught.value) == "the stylesheet says that a rule could not be judged"


def test_what_was_read_is_not_kept() -> None:
    many = (f"<s:failed-assert id='A-{number}'/><s:fired-rule/>" for number in range(50_000))
    assert sum(1 for _ in reported(svrl(*many))) == 50_000


@pytest.mark.parametrize(
    ("location", "element", "attribute"),
    [
        ("/Q{urn:n}x[1]/Q{urn:n}a[2]", A, ""),
        ("/Q{urn:n}x[1]/Q{urn:n}a[2]/Q{urn:m}b[1]", B, ""),
        ("/Q{urn:n}x[1]/Q{urn:n}a[2]/@v", A, "v"),
        ("/Q{urn:n}x[1]/Q{urn:n}a[2]/Q{urn:m}b[1]/@Q{urn:m}w", B, "{urn:m}w"),
        ("/Q{urn:n}x[1]/Q{urn:n}a[2]/Q{urn:m}b[1]/@Q{}w", B, "w"),
        ("/Q{urn:n}x[1]/Q{urn:n}a[2]/Q{urn:m}b[1]/text()[1]", B, ""),
        ("/Q{urn:n}x[1]/Q{}c[1]/Q{}d[1]", ROOT[4][0], ""),
        ("/*:x[namespace-uri()='urn:n'][1]/*:a[namespace-uri()='urn:n'][2]", A, ""),
        ('/*:x[namespace-uri()="urn:n"]/*:a[2]/@*:v', A, "v"),
        ("/*:x[1]/*:c[namespace-uri()='']", ROOT[4], ""),
        ("/*[local-name()='x' and namespace-uri()='urn:n'][1]/*[local-name()='a'][2]", A, ""),
        ("/p:x[1]/p:a[2]", A, ""),
        ("/x/a[2]", A, ""),
        ("/x", ROOT, ""),
    ],
)
def test_a_location_means_an_element(
    location: str, element: etree._Element, attribute: str
) -> None:
    found = located(location, ROOT)
    assert found is not None
    assert (found.element, found.attribute) == (element, attribute)


@pytest.mark.parametrize(
    "location",
    ["", "/", "x", "//a", "/Q{urn:m}x[1]", "/x/a[3]", "/x/a[0]", "/x[2]", "/y", "/@v", "geheim"],
)
def test_a_location_that_means_nothing_is_not_said(location: str) -> None:
    assert located(location, ROOT) is None
