"""An agreement, and how two differ, in words."""

from dataclasses import replace

import pytest
from lxml import etree

from digipoort_wus.ebms.cpa import exchanges
from digipoort_wus.ebms.cpa_making import make_agreement
from digipoort_wus.ebms.cpa_plan import DIGIPOORT_SERVICES, Profile
from digipoort_wus.ebms.cpa_reading import read_agreement
from digipoort_wus.ebms.cpa_words import certificates_of, differences, words_for
from tests.messages import NOW
from tests.unit.ebms.agreements import (
    Change,
    changed,
    made,
    plan,
    read,
    with_attribute,
    with_text,
    without,
)

CHANNEL = "t:DeliveryChannel[1]/t:MessagingCharacteristics"


def told(*changes: Change) -> list[str]:
    return list(differences(read(), read(*changes)))


def test_an_action_is_told_in_words() -> None:
    agreement = read()
    assert words_for(agreement, next(exchanges(agreement))) == {
        "profile": "osb-rm-e",
        "acknowledged": "always",
        "acknowledgment signed": "always",
        "once only": "always",
        "in the HTTP answer": "none",
        "retries": "8 every PT3H",
        "kept": "P2D",
        "order": "not guaranteed",
        "signed": "rsa-sha256 over sha256",
        "answer signed": "rsa-sha256 over sha256",
        "encrypted": "aes256-gcm",
        "to": "https://localhost/ebms",
        "answer to": "https://localhost/agency",
    }


def test_an_action_that_cannot_go_says_why() -> None:
    agreement = read(without("t:PartyInfo[1]//t:SenderNonRepudiation"))
    found = words_for(agreement, next(exchanges(agreement)))
    assert list(found) == ["cannot go"]
    assert "has no SenderNonRepudiation for it" in found["cannot go"]


@pytest.mark.parametrize(
    "changes",
    [
        [with_attribute(CHANNEL, "duplicateElimination", "never")],
        [with_attribute(CHANNEL, "ackSignatureRequested", "never")],
        [
            with_attribute("t:BusinessTransactionCharacteristics", "isNonRepudiationRequired", "0"),
        ],
    ],
)
def test_what_is_of_no_profile_is_said_to_be_none(changes: list[Change]) -> None:
    agreement = read(*changes)
    assert words_for(agreement, next(exchanges(agreement)))["profile"] == "none of Digikoppeling"


def test_certificates_are_told_by_their_use() -> None:
    agreement = read()
    first = certificates_of(agreement, agreement.parties[0])
    assert list(first) == ["TLS client", "TLS server", "signing", "being encrypted to"]
    assert len(set(first.values())) == 1
    assert first["signing"].endswith(", 2025-06-01 to 2036-05-29")


def test_the_same_agreement_has_no_differences() -> None:
    assert told() == []


def test_a_division_of_the_document_is_no_difference() -> None:
    """Other ids and prefixes, other order of the parties."""

    def reordered(root: etree._Element) -> None:
        first = root.find("{*}PartyInfo")
        assert first is not None
        root.insert(5, first)

    octets = changed(reordered).replace(b"A_", b"Xyz_").replace(b"tns:", b"p:")
    again = read_agreement(octets.replace(b"xmlns:tns", b"xmlns:p"))
    assert again.parties[0].name == "Gateway"
    assert differences(read(), again) == ()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (with_attribute("t:Status", "value", "signed"), "status: was agreed, is signed"),
        (
            with_text("t:End", "2027-01-01T00:00:00Z"),
            "end: was 2027-06-01 12:00Z, is 2027-01-01 00:00Z",
        ),
        (
            with_attribute("t:PartyInfo[1]", "partyName", "Office"),
            "name of a party: was Agency, is Office",
        ),
        (
            with_text("t:PartyInfo[1]/t:PartyId", "00000099000000004000"),
            "Agency: ids: was urn:osb:oin:00000099000000004000_T, "
            "is urn:osb:oin:00000099000000004000",
        ),
        (
            with_text("t:PartyInfo[1]//t:Retries", "3"),
            "Agency sends 'aanleveren', Agency sends 'bevestigAfleveren': "
            "retries: was 8 every PT3H, is 3 every PT3H",
        ),
        (
            with_attribute("t:PartyInfo[2]//t:Endpoint", "uri", "https://localhost/new"),
            "Agency sends 'aanleveren', Agency sends 'bevestigAfleveren': to: was "
            "https://localhost/ebms, is https://localhost/new",
        ),
    ],
)
def test_a_difference_is_told(change: Change, expected: str) -> None:
    assert expected in told(change)


def test_a_change_of_name_alone_is_told_once() -> None:
    assert len(told(with_attribute("t:PartyInfo[1]", "partyName", "Office"))) == 1


def test_actions_that_come_and_go_are_told() -> None:
    small = plan(services=DIGIPOORT_SERVICES[:1], cpa_id=read().cpa_id)
    fewer = read_agreement(make_agreement(small, at=NOW)[0])
    service = "urn:osb:services:osb:afleveren:1.1$1.0"
    assert differences(read(), fewer) == (
        f"Agency may no longer send 'bevestigAfleveren' of {service} in the role OVERHEID",
        f"Gateway may no longer send 'afleveren' of {service} in the role DIGIPOORT",
    )
    assert differences(fewer, read()) == (
        f"Agency may now send 'bevestigAfleveren' of {service} in the role OVERHEID",
        f"Gateway may now send 'afleveren' of {service} in the role DIGIPOORT",
    )


def test_a_renewed_certificate_is_told() -> None:
    first, second = plan().parties
    renewed = replace(second.credentials, server=first.credentials.server)
    other = plan(parties=(first, replace(second, credentials=renewed)), cpa_id=read().cpa_id)
    (only,) = differences(read(), read_agreement(make_agreement(other, at=NOW)[0]))
    assert only.startswith("Gateway: certificate for TLS server: was ")


def test_another_profile_is_told() -> None:
    lighter = make_agreement(plan(Profile.RM_S, cpa_id=read().cpa_id), at=NOW)[0]
    found = differences(read_agreement(made()), read_agreement(lighter))
    assert any(each.endswith("profile: was osb-rm-e, is osb-rm-s") for each in found)
    assert any(each.endswith("encrypted: was aes256-gcm, is -") for each in found)
