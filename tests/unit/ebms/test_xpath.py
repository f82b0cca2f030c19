"""The XPath of ebMS is known by what it says, and nothing else passes for it."""

import pytest

from digipoort_wus.ebms.names import ACTOR_NEXT, ACTOR_NEXT_MSH
from digipoort_wus.ebms.xpath import ebms_xpath, is_ebms_xpath
from digipoort_wus.names import SOAP

XPATH = ebms_xpath("soap")


@pytest.mark.parametrize(
    "text",
    [
        XPATH,
        XPATH.replace("node()", "()"),
        XPATH.replace("(", "(\n\t ").replace("]", " ] "),
        XPATH.replace('"', "'"),
    ],
)
def test_the_xpath_is_recognised(text: str) -> None:
    assert is_ebms_xpath(text, {"soap": SOAP})
    assert is_ebms_xpath(text.replace("soap:", "e-1:"), {"e-1": SOAP, "soap": "urn:x"})
    assert not is_ebms_xpath(text.replace("soap:", "e-1:"), {"soap": SOAP})
    assert not is_ebms_xpath(text, {None: SOAP})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "true()",
        "not(//*)",
        XPATH.removeprefix("not"),
        XPATH + XPATH,
        XPATH.replace("|", "and"),
        XPATH.replace("@soap:actor", "@actor", 1),
        XPATH.replace(ACTOR_NEXT, f" {ACTOR_NEXT}"),
        XPATH.replace(ACTOR_NEXT_MSH, ""),
        XPATH.replace("ancestor-or-self", "ancestor"),
        XPATH.replace("node()", "node(node())"),
        XPATH.replace("node", "no de"),
        XPATH.replace("(", "(\N{NO-BREAK SPACE}"),
        "node " + XPATH,
        f"not({XPATH})",
        XPATH * 100_000,
    ],
)
def test_another_xpath_is_not(text: str) -> None:
    assert not is_ebms_xpath(text, {"soap": SOAP})
