import time

import pytest
from lxml import etree

from digipoort_wus.rules.slowness import slow_parts, slow_rule

WHOLE = "searches the whole document with // for each of many elements"
TWICE = "has // twice in one path"
AXIS = "looks at all elements before or behind each of many elements"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("//a[not(//b)]", (WHOLE,)),
        ("//a[count(//b) > 1]", (WHOLE,)),
        ("//a[/b//c]", (WHOLE,)),
        ("//*//*", (TWICE,)),
        ("a[b]//c//d", (TWICE,)),
        ("//a[preceding::a = .]", (AXIS,)),
        ("//a[following :: a]", (AXIS,)),
        ("//a[b[//c]]", (WHOLE,)),
        ("//a[//b//c]", (WHOLE, TWICE)),
        # Each of these takes twice as long in a document of twice the size.
        ("//a[.//b]", ()),
        ("//a | //b", ()),
        ("count(//a) = count(//b)", ()),
        ("//a[b] and //c", ()),
        ("/a/b[@c = '//']//d", ()),
        ("/a/b[following-sibling::b]//d", ()),
        ("/x/preceding::a", ()),
        ("1 div 2 - 3 * 4", ()),
        ("", ()),
    ],
)
def test_slow_expressions(expression: str, expected: tuple[str, ...]) -> None:
    assert slow_parts(expression) == expected


def test_what_is_judged_for_many_elements() -> None:
    assert slow_rule("//a", ["//b"]) == (WHOLE,)
    assert slow_rule("//a", [". = preceding::a"]) == (AXIS,)
    assert slow_rule("//a", [".//b", "../b"]) == ()
    assert slow_rule("/a", ["//b"]) == ()
    assert slow_rule("/a[. = '//']", ["//b"]) == ()
    assert slow_rule("//a//b", ["c"]) == (TWICE,)
    assert slow_rule("", ["//a", "//b"]) == ()


@pytest.mark.parametrize("expression", ["[[", "]]))", "'", "//", "a[//"])
def test_what_is_no_expression_raises_nothing(expression: str) -> None:
    assert isinstance(slow_parts(expression), tuple)


def took(expression: str, elements: int) -> float:
    document = etree.fromstring("<r>" + "<a><b/></a>" * elements + "</r>")
    evaluate = etree.XPath(expression)
    best = 9.0
    for _ in range(5):
        began = time.process_time()
        evaluate(document)
        best = min(best, time.process_time() - began)
    return best


def test_the_guess_is_right_about_libxml2() -> None:
    """Four times as many elements: sixteen times as long, or four times."""
    assert slow_parts("count(//a[not(//zz)])")
    assert took("count(//a[not(//zz)])", 2000) > 8 * took("count(//a[not(//zz)])", 500)
    assert not slow_parts("count(//a[not(.//zz)])")
    assert took("count(//a[not(.//zz)])", 2000) < 8 * took("count(//a[not(.//zz)])", 500)
