"""URLs and certificates that stand in the place of those of an agreement."""

from types import MappingProxyType

from digipoort_wus.ebms.cpa_findings import findings
from digipoort_wus.ebms.cpa_overlay import Overlay, overlaid, unused
from digipoort_wus.ebms.cpa_terms import terms_to_send
from tests.messages import NOW
from tests.unit.ebms.agreements import (
    AGENCY,
    AGENCY_URL,
    GATEWAY_URL,
    SUBMITTING,
    der,
    read,
    with_attribute,
)

ELSEWHERE = "https://localhost/elsewhere"


def test_what_is_mapped_is_used_and_the_rest_stays() -> None:
    overlay = Overlay(
        MappingProxyType({GATEWAY_URL: ELSEWHERE}),
        MappingProxyType({der("agency"): (der("vendor-b"), der("vendor-a"))}),
    )
    found = terms_to_send(overlaid(read(), overlay), AGENCY, SUBMITTING, "aanleveren", at=NOW)
    assert (found.url, found.answer_url) == (ELSEWHERE, AGENCY_URL)
    assert found.sender_tls == (der("vendor-b"),)
    assert found.signature is not None
    assert found.signature.certificates == (der("vendor-b"), der("vendor-a"))
    assert found.receiver_tls == (der("gateway-tls"),)


def test_nothing_mapped_is_the_agreement_itself() -> None:
    assert overlaid(read(), Overlay()) == read()


def test_a_url_is_mapped_to_one_that_can_be_used() -> None:
    plain = "http://localhost/ebms"
    agreement = read(with_attribute("t:PartyInfo[2]//t:Endpoint", "uri", plain))
    mapped = overlaid(agreement, Overlay(MappingProxyType({plain: ELSEWHERE})))
    assert [each.kind.id for each in findings(agreement, at=NOW)] == ["CPA-URL"]
    assert findings(mapped, at=NOW) == ()


def test_what_is_mapped_in_vain_is_told() -> None:
    overlay = Overlay(
        MappingProxyType({GATEWAY_URL: ELSEWHERE, "https://nowhere/": ELSEWHERE}),
        MappingProxyType({der("vendor-a"): (der("vendor-b"),), der("agency"): (der("agency"),)}),
    )
    assert unused(overlay, [read()]) == ("https://nowhere/", "1 of its certificates")
    assert unused(overlay, []) == (GATEWAY_URL, "https://nowhere/", "2 of its certificates")
    assert unused(Overlay(), [read()]) == ()
