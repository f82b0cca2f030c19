"""Agreements of a store, as partners: added, replaced, removed, and those that cannot be used."""

import hashlib
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.cpa_terms import terms_to_send
from digipoort_wus.ebms.message import PartyId
from digipoort_wus.ebms.quirks import (
    PLAIN,
    AcknowledgmentPath,
    CanonicalForm,
    Prefixes,
    Quirks,
    SignalPackage,
    SignalRoles,
    TransferEncoding,
)
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.messaging.book import Book, partner_of
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.store.ebms_values import CpaRow, Quirk
from digipoort_wus.store.ports import Store
from tests.ebms_parties import AANLEVEREN, AT, Pair, der, pair
from tests.unit.store.conftest import sqlite_house
from tests.unit.store.samples import write


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with sqlite_house(tmp_path).open() as opened:
        yield opened


@pytest.fixture
def two(g1: TestPki) -> Pair:
    return pair(g1, Profile.RM_S)


def book_of(store: Store, two: Pair, ids: frozenset[PartyId] | None = None) -> Book:
    ours = two.agency.ours
    return Book(store, ids or ours.ids, ours.identities, ours.trust, lambda: AT)


def row(two: Pair, **quirks: Quirk) -> CpaRow:
    return CpaRow(two.agreement.cpa_id, two.octets, AT, quirks=quirks)


def test_what_is_added_is_there_and_what_is_removed_is_not(store: Store, two: Pair) -> None:
    book, other = book_of(store, two), book_of(store, two)
    assert book.current().partners == {}
    warnings = book.put(two.octets)
    assert all(one.kind.weight == "warning" for one in warnings)
    for one in (book, other):
        assert one.current().partners[two.agreement.cpa_id].agreement == two.agreement
        assert one.current() is one.current()
    book.remove(two.agreement.cpa_id)
    for one in (book, other):
        assert one.current().partners == {}
    with pytest.raises(KeyError):
        book.remove(two.agreement.cpa_id)


def test_one_is_replaced_with_what_stands_beside_it(store: Store, two: Pair, g1: TestPki) -> None:
    book = book_of(store, two)
    book.put(two.octets)
    url = "https://digipoort.invalid/ebms"
    newer = der(g1.identities["vendor-a"])
    digest = hashlib.sha256(der(two.digipoort.identity)).hexdigest()
    book.put(
        two.octets,
        urls={url: "https://rig.invalid:8443/ebms"},
        certificates={digest: newer},
        quirks={"peers": "00000099000000009000 00000099000000009001"},
    )
    (kept,) = book.rows()
    assert kept.urls == {url: "https://rig.invalid:8443/ebms"}
    partner = book.current().partners[two.agreement.cpa_id]
    terms = terms_to_send(partner.agreement, two.agency.id, AANLEVEREN, "aanleveren", at=AT)
    assert terms.url == "https://rig.invalid:8443/ebms"
    assert newer in terms.receiver_tls
    assert partner.peers == {"00000099000000009000", "00000099000000009001"}


def test_one_that_cannot_be_used_is_not_kept(store: Store, two: Pair) -> None:
    book = book_of(store, two)
    wrong = (
        b"<CollaborationProtocolAgreement/>",
        two.octets.replace(b"</tns:End>", b"</tns:Eind>"),
        two.octets.replace(b"https://digipoort.invalid", b"http://digipoort.invalid"),
    )
    for octets in wrong:
        with pytest.raises(ConfigurationError):
            book.put(octets)
    assert two.octets not in wrong
    assert book.rows() == []


def test_it_has_to_be_of_ours_and_somebody_else(store: Store, two: Pair) -> None:
    for ids, said in (
        (frozenset({PartyId("1", "urn:x")}), "Neither party"),
        (two.agency.ours.ids | two.digipoort.ours.ids, "Each party"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            book_of(store, two, ids).put(two.octets)


def test_one_in_the_store_that_cannot_be_used_spoils_no_other(
    store: Store, two: Pair, g1: TestPki, caplog: pytest.LogCaptureFixture
) -> None:
    """A newer version may have kept it, or the PartyIds of this gateway are others since."""
    other = pair(g1, Profile.BE)
    write(store, lambda transaction: transaction.put_cpa(row(two, of_next_year="x")))
    book = book_of(store, two)
    book.put(other.octets)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert list(book.broken) == [two.agreement.cpa_id]
            assert list(book.current().partners) == [other.agreement.cpa_id]
    assert "of_next_year" in book.broken[two.agreement.cpa_id]
    events = [getattr(record, "event", "") for record in caplog.records]
    assert events == ["ebms-cpa-unusable"]


def test_an_agreement_that_is_over_still_answers(store: Store, two: Pair, g1: TestPki) -> None:
    ended = pair(g1, Profile.RM, at=AT - timedelta(days=400))
    book_of(store, two).put(ended.octets)
    assert list(book_of(store, two).current().partners) == [ended.agreement.cpa_id]


def test_every_way_has_a_name(two: Pair) -> None:
    partner = partner_of(
        row(
            two,
            prefix_soap="SOAP-ENV",
            prefix_eb="e",
            prefix_xlink="x",
            signal_roles="echoed",
            signal_package="multipart",
            acknowledgment_path="synchronous",
            transfer_encoding="base64",
            canonicalization="exclusive",
            unsafe_sha1="their product of 2009",
            unsafe_cbc_and_rsa_1_5="the same",
        )
    )
    assert partner.quirks == Quirks(
        Prefixes("SOAP-ENV", "e", "x"),
        SignalRoles.ECHOED,
        SignalPackage.MULTIPART,
        AcknowledgmentPath.SYNCHRONOUS,
        TransferEncoding.BASE64,
        CanonicalForm.EXCLUSIVE,
    )
    assert (partner.unsafe_sha1, partner.unsafe_cbc_and_rsa_1_5) == (True, True)
    plain = partner_of(row(two))
    assert (plain.quirks, plain.unsafe_sha1, plain.unsafe_cbc_and_rsa_1_5) == (PLAIN, False, False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("signal_roles", "ECHOED"),
        ("transfer_encoding", "7bit"),
        ("prefix_eb", "xmlns"),
        ("unsafe", "x"),
        ("unsafe_sha1", "false"),
        ("unsafe_sha1", " No "),
        ("unsafe_cbc_and_rsa_1_5", "OFF"),
        ("unsafe_cbc_and_rsa_1_5", 0),
    ],
)
def test_a_way_that_means_nothing(two: Pair, name: str, value: Quirk) -> None:
    with pytest.raises(ConfigurationError):
        partner_of(row(two, **{name: value}))


@pytest.mark.parametrize(
    ("value", "on"),
    [(True, True), ("until 2027", True), (False, False), ("", False), ("  ", False)],
)
def test_what_is_unsafe_is_on_for_a_reason_only(two: Pair, value: Quirk, on: bool) -> None:
    partner = partner_of(row(two, unsafe_sha1=value, unsafe_cbc_and_rsa_1_5=value))
    assert (partner.unsafe_sha1, partner.unsafe_cbc_and_rsa_1_5) == (on, on)


def test_a_row_that_contradicts_its_document(two: Pair) -> None:
    with pytest.raises(ConfigurationError, match="has another"):
        partner_of(CpaRow("another", two.octets, AT))
    with pytest.raises(ConfigurationError, match="no certificate"):
        partner_of(CpaRow(two.agreement.cpa_id, two.octets, AT, certificates={"00": b"x"}))


def test_a_party_keeps_the_name_by_which_its_messages_are_known(store: Store, two: Pair) -> None:
    value = two.agency.id.value.encode()
    first = b'<tns:PartyId tns:type="urn:osb:oin">' + value + b"</tns:PartyId>"
    assert first in two.octets
    second = first.replace(value, b"00000099000000005000")
    book = book_of(store, two)
    book.put(two.octets.replace(first, first + second))
    book.put(two.octets)
    with pytest.raises(ConfigurationError, match="first PartyId"):
        book.put(two.octets.replace(first, second + first))


def test_a_url_that_no_endpoint_has_and_a_peer_that_is_no_oin_are_mistakes(
    store: Store, two: Pair
) -> None:
    book = book_of(store, two)
    with pytest.raises(ConfigurationError, match="no Endpoint with the URL https://typo"):
        book.put(two.octets, urls={"https://typo.invalid/": "https://localhost/ebms"})
    with pytest.raises(ConfigurationError, match="no OIN"):
        book.put(two.octets, quirks={"peers": "4000"})
    assert book.rows() == []


def test_only_what_changed_is_read_anew(store: Store, two: Pair) -> None:
    book = book_of(store, two)
    book.put(two.octets)
    before = book.current().partners[two.agreement.cpa_id]
    other = two.octets.replace(two.agreement.cpa_id.encode(), b"another")
    book.put(other)
    assert book.current().partners[two.agreement.cpa_id] is before
    book.put(two.octets, quirks={"signal_package": "multipart"})
    assert book.current().partners[two.agreement.cpa_id] is not before
