"""What is for the next actor does not survive, wherever it stands; everything else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.names import ACTOR_NEXT, ACTOR_NEXT_MSH, ACTOR_TO_PARTY
from digipoort_wus.ebms.surviving import surviving
from digipoort_wus.names import SOAP

FILTER = etree.XPath(
    "(//node() | //@*)[not(ancestor-or-self::node()[@s:actor=$next] | "
    "ancestor-or-self::node()[@s:actor=$msh])]",
    namespaces={"s": SOAP},
)


def tree_of(inside: str) -> etree._Element:
    return etree.fromstring(f'<s:E xmlns:s="{SOAP}">{inside}</s:E>'.encode())


def left_of(inside: str) -> str:
    text = etree.tostring(surviving(tree_of(inside))).decode()
    return text.replace(f' xmlns:s="{SOAP}"', "").removeprefix("<s:E>").removesuffix("</s:E>")


@pytest.mark.parametrize("actor", [ACTOR_NEXT, ACTOR_NEXT_MSH])
def test_text_behind_it_stays(actor: str) -> None:
    gone = f'<x s:actor="{actor}">in<y s:actor="{actor}"/>it</x>'
    assert left_of(f"a{gone}b") == "ab"
    assert left_of(f"{gone}b{gone}c<z/>d{gone}e") == "bc<z/>de"
    assert left_of(f"<a>1{gone}2<b/>{gone}3</a>{gone}") == "<a>12<b/>3</a>"


@pytest.mark.parametrize(
    "attribute",
    [
        f's:actor="{ACTOR_TO_PARTY}"',
        f's:actor=" {ACTOR_NEXT}"',
        f's:actor="{ACTOR_NEXT.upper()}"',
        f'actor="{ACTOR_NEXT}"',
        f'x:actor="{ACTOR_NEXT}" xmlns:x="urn:x"',
    ],
)
def test_what_is_not_exactly_that_stays(attribute: str) -> None:
    """It is signed, so whoever reads it has to judge it."""
    assert "<x" in left_of(f"<x {attribute}/>")


def test_the_whole_envelope_is_refused() -> None:
    with pytest.raises(EbmsRefusal) as caught:
        surviving(etree.fromstring(f'<s:E xmlns:s="{SOAP}" s:actor="{ACTOR_NEXT}"/>'))
    assert caught.value.check is checks.EBMS_ACTOR


@pytest.mark.parametrize("inside", ["a<!---->b", "a<?b?>c"])
def test_comments_and_instructions_are_refused(inside: str) -> None:
    with pytest.raises(EbmsRefusal) as caught:
        surviving(tree_of(f"<x>{inside}</x>"))
    assert caught.value.check is checks.EBMS_XML


def test_nothing_is_changed_of_what_came() -> None:
    tree = tree_of(f'<x s:actor="{ACTOR_NEXT}"/>')
    surviving(tree)
    assert len(tree) == 1


ACTORS = st.sampled_from([None, None, ACTOR_NEXT, ACTOR_NEXT_MSH, ACTOR_TO_PARTY])
TEXTS = st.sampled_from(["", "t", "&#13;", " "])


def element(actor: str | None, text: str, inside: list[str], tail: str) -> str:
    attribute = "" if actor is None else f' s:actor="{actor}" a="1"'
    return f"<x{attribute}>{text}{''.join(inside)}</x>{tail}"


TREES = st.recursive(
    st.builds(element, ACTORS, TEXTS, st.just([]), TEXTS),
    lambda inside: st.builds(element, ACTORS, TEXTS, st.lists(inside, max_size=4), TEXTS),
    max_leaves=12,
)


@given(st.lists(TREES, max_size=4))
def test_it_is_what_the_xpath_of_ebms_says(inside: list[str]) -> None:
    tree = tree_of("".join(inside))
    selected = FILTER(tree, next=ACTOR_NEXT, msh=ACTOR_NEXT_MSH)
    texts = [str(node) for node in selected if not isinstance(node, etree._Element)]
    left = surviving(tree)
    everything = left.xpath("//node() | //@*")
    assert sum(isinstance(node, etree._Element) for node in everything) == sum(
        isinstance(node, etree._Element) for node in selected
    )
    # Texts that now stand together are one node.
    assert "".join(str(n) for n in everything if not isinstance(n, etree._Element)) == "".join(
        texts
    )
