"""Which messages are judged in a thread of their own: those with names that nobody knows yet."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from cryptography import x509

from digipoort_wus.ebms import opening
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.decryption import decrypt
from digipoort_wus.ebms.message import Payload
from digipoort_wus.ebms.opening import Opened, Turned, open_message
from digipoort_wus.ebms.partners import Ours
from digipoort_wus.ebms.quirks import Prefixes, Quirks
from digipoort_wus.filing.content import read_content
from digipoort_wus.pki.chain import VerifiedCertificate
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.xmlsafe import lookover
from digipoort_wus.xmlsafe.apart import is_apart
from digipoort_wus.xmlsafe.vocabulary import Vocabulary
from tests.ebms_parties import Pair, pair
from tests.unit.ebms.test_opening import inbound, written

OTHERS = Quirks(prefixes=Prefixes(soap="sleutel", eb="bericht"))


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookover, "KNOWN", Vocabulary())


def watched(two: Pair, seen: list[bool]) -> Ours:
    """Return the gateway's side, which notes in what kind of thread a signer is judged."""

    def judged(
        leaf: x509.Certificate, sent: Sequence[x509.Certificate], at: datetime
    ) -> VerifiedCertificate:
        seen.append(is_apart())
        return two.digipoort.ours.trust(leaf, sent, at)

    return replace(two.digipoort.ours, trust=judged)


def test_names_are_known_once_a_message_with_them_is_believed(g1: TestPki) -> None:
    two, seen = pair(g1, Profile.RM_S), list[bool]()
    ours = watched(two, seen)
    for quirks in (None, None, OTHERS, OTHERS):
        found = open_message(inbound(two, written(two, quirks=quirks)), ours)
        assert isinstance(found, Opened)
    assert seen == [True, False, True, False]


def test_names_of_a_refused_message_stay_unknown(g1: TestPki) -> None:
    two, seen = pair(g1, Profile.RM_S), list[bool]()
    ours, ready = watched(two, seen), written(two)
    octets = read_content(ready.package.content).replace(b">c</", b">d</")
    for _ in range(2):
        assert isinstance(open_message(inbound(two, ready, octets), ours), Turned)
    assert seen == [True, True]


def test_what_is_encrypted_is_read_apart_however_familiar_its_envelope_is(
    g1: TestPki, monkeypatch: pytest.MonkeyPatch
) -> None:
    two, seen = pair(g1, Profile.RM_E), list[bool]()

    def noted(*given: Any, **options: Any) -> Payload:
        seen.append(is_apart())
        return decrypt(*given, **options)

    monkeypatch.setattr(opening, "decrypt", noted)
    envelopes = list[bool]()
    ours = watched(two, envelopes)
    for _ in range(2):
        assert isinstance(open_message(inbound(two, written(two)), ours), Opened)
    assert set(seen) == {True}
    assert envelopes == [True, False]
