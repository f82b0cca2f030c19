"""The functions for other gateways: what they verify, and what they leave to a server."""

import pytest
from lxml import etree

from digipoort_wus.client.digikoppeling import Sent, answer_to
from digipoort_wus.embedding import sign_response, verify_request
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.names import ECHO, ECHO_BE_S
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.wss.policy import (
    DIGIKOPPELING_3_0_BE,
    DIGIKOPPELING_3_0_BE_S,
    DIGIPOORT_1_2,
)
from tests.echo import BODY, message, signed_echo
from tests.messages import NOW, aanlever_body, envelope, filing, signed
from tests.unit.wss.test_verify import trust_of


def test_a_filing_is_verified(g1: TestPki) -> None:
    verified = verify_request(filing(g1.identities["vendor-a"]), trust=g1.trust_store(), now=NOW)
    assert verified.signer.oin == "00000099000000002000"


def test_the_body_is_held_against_its_schema(g1: TestPki) -> None:
    vendor, trust = g1.identities["vendor-a"], g1.trust_store()
    wrong = signed(vendor, envelope(aanlever_body().replace("rolBelanghebbende", "rol")))
    echo, _ = signed_echo(vendor, message(body=BODY.replace("e:text", "e:tekst")))
    for data, policy in ((wrong, DIGIPOORT_1_2), (echo, DIGIKOPPELING_3_0_BE_S)):
        with pytest.raises(Refusal) as caught:
            verify_request(data, trust=trust, now=NOW, policy=policy)
        assert caught.value.check.id == "XSD-VALID"


def test_an_echo_is_verified_and_its_answer_confirms(g1: TestPki) -> None:
    data, value = signed_echo(g1.identities["vendor-a"])
    policy, trust = DIGIKOPPELING_3_0_BE_S, g1.trust_store()
    verified = verify_request(data, trust=trust, now=NOW, policy=policy)
    operation = ECHO_BE_S.operations[0]
    answer = sign_response(
        etree.fromstring(f'<echoResponse xmlns="{ECHO}"><text>x</text></echoResponse>'),
        identity=g1.identities["gateway-signing"],
        action=ECHO_BE_S.response_action(operation),
        relates_to=verified.addressing.message_id,
        suite=verified.suite,
        created=NOW,
        confirms=verified.signature_value,
    )
    sent = Sent(data, verified.addressing.message_id, ECHO_BE_S, operation, value)
    found = answer_to(sent, answer, policy=policy, trust=trust_of(g1), now=NOW)
    assert found.findtext(f"{{{ECHO}}}text") == "x"


def test_rules_of_the_policy_hold(g1: TestPki) -> None:
    """What Digipoort lets pass, Digikoppeling refuses; and the other way round."""
    relative = message()
    to = next(relative.iter("{*}To"))
    to.text = "/x"
    data, _ = signed_echo(g1.identities["vendor-a"], relative)
    verify_request(data, trust=g1.trust_store(), now=NOW)
    with pytest.raises(Refusal) as caught:
        verify_request(data, trust=g1.trust_store(), now=NOW, policy=DIGIKOPPELING_3_0_BE_S)
    assert caught.value.check.id == "WSA-IRI"


def test_without_signatures_there_is_nothing_to_verify(g1: TestPki) -> None:
    data, _ = signed_echo(g1.identities["vendor-a"])
    with pytest.raises(ConfigurationError, match="no signatures"):
        verify_request(data, trust=g1.trust_store(), now=NOW, policy=DIGIKOPPELING_3_0_BE)
