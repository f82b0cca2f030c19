"""A message asks for what was agreed, and comes in its time."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from digipoort_wus import checks
from digipoort_wus.ebms.agreed import SKEW, asks_for, require_agreed, require_timely
from digipoort_wus.ebms.composing import business
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.cpa_terms import terms_to_send
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.message import AckRequested, Message, MessageOrder
from digipoort_wus.ebms.names import ACTOR_NEXT, ACTOR_NEXT_MSH, ACTOR_TO_PARTY
from digipoort_wus.ebms.terms import Agreed, SyncReply, Terms
from digipoort_wus.errors import Check
from digipoort_wus.pki.testpki import TestPki
from tests.ebms_parties import AANLEVEREN, AT, pair

ALWAYS, NEVER, EITHER = Agreed.ALWAYS, Agreed.NEVER, Agreed.PER_MESSAGE
SECOND = timedelta(seconds=1)


def terms_of(pki: TestPki, profile: Profile = Profile.RM_S) -> Terms:
    two = pair(pki, profile)
    return terms_to_send(two.agreement, two.agency.id, AANLEVEREN, "aanleveren", at=AT)


def message_under(terms: Terms) -> Message:
    return business(terms, message_id="1@a", conversation_id="c", at=AT)


def refused(message: Message, terms: Terms) -> tuple[Check, str]:
    with pytest.raises(EbmsRefusal) as raised:
        require_agreed(message, terms)
    return raised.value.check, raised.value.location


@pytest.mark.parametrize("profile", Profile)
def test_what_we_write_is_what_was_agreed(g1: TestPki, profile: Profile) -> None:
    terms = terms_of(g1, profile)
    require_agreed(message_under(terms), terms)


@pytest.mark.parametrize("agreed", Agreed)
@pytest.mark.parametrize("asked", [False, True])
def test_each_combination(g1: TestPki, agreed: Agreed, asked: bool) -> None:
    fits = agreed is EITHER or asked == (agreed is ALWAYS)
    base = replace(terms_of(g1), ack_signed=EITHER)
    said = message_under(base)
    ack = AckRequested(signed=asked)
    cases = (
        (
            replace(base, duplicate_elimination=agreed),
            replace(said, header=replace(said.header, duplicate_elimination=asked)),
            (checks.EBMS_DUPLICATE_ELIMINATION, "//Header/MessageHeader/DuplicateElimination"),
        ),
        (
            replace(base, ack_requested=agreed),
            replace(said, ack_requested=ack if asked else None),
            (checks.EBMS_ACK_REQUESTED, "//Header/AckRequested"),
        ),
        (
            replace(base, ack_signed=agreed),
            replace(said, ack_requested=ack),
            (checks.EBMS_ACK_REQUESTED, "//Header/AckRequested/@signed"),
        ),
    )
    for terms, message, expected in cases:
        if fits:
            require_agreed(message, terms)
        else:
            assert refused(message, terms) == expected


@pytest.mark.parametrize("mode", SyncReply)
@pytest.mark.parametrize("asked", [False, True])
def test_sync_reply_may_only_agree(g1: TestPki, mode: SyncReply, asked: bool) -> None:
    terms = replace(terms_of(g1), sync_reply=mode)
    message = replace(message_under(terms), sync_reply=asked)
    if asked == (mode is not SyncReply.NONE):
        require_agreed(message, terms)
    else:
        assert refused(message, terms) == (checks.EBMS_SYNC_REPLY, "//Header/SyncReply")


def test_who_acknowledges(g1: TestPki) -> None:
    terms = terms_of(g1)
    message = message_under(terms)
    for actor in (None, ACTOR_TO_PARTY):
        require_agreed(replace(message, ack_requested=AckRequested(True, actor)), terms)
    for actor in (ACTOR_NEXT_MSH, ACTOR_NEXT, "urn:x"):
        said = replace(message, ack_requested=AckRequested(True, actor))
        assert refused(said, terms) == (checks.EBMS_ACTOR, "//Header/AckRequested/@actor")


def test_no_order(g1: TestPki) -> None:
    terms = terms_of(g1)
    said = replace(message_under(terms), order=MessageOrder(0))
    assert refused(said, terms) == (checks.EBMS_ORDER, "//Header/MessageOrder")


@pytest.mark.parametrize(
    ("timestamp", "lives", "check"),
    [
        (AT, None, None),
        (AT - timedelta(days=3_000), None, None),
        (AT + SKEW, None, None),
        (AT + SKEW + SECOND, None, checks.EBMS_TIME),
        (AT, AT + SECOND, None),
        (AT, AT, checks.EBMS_TIME_TO_LIVE),
        (AT, AT - SECOND, checks.EBMS_TIME_TO_LIVE),
    ],
)
def test_a_message_comes_in_its_time(
    g1: TestPki, timestamp: datetime, lives: datetime | None, check: Check | None
) -> None:
    header = message_under(terms_of(g1)).header
    header = replace(header, timestamp=timestamp, time_to_live=lives)
    if check is None:
        require_timely(header, AT)
        return
    with pytest.raises(EbmsRefusal) as raised:
        require_timely(header, AT)
    assert raised.value.check is check


def test_clocks_may_differ_by_as_much_as_for_wus() -> None:
    assert timedelta(seconds=300) == SKEW


def test_what_was_there_is_told(g1: TestPki) -> None:
    for profile, said in ((Profile.BE, "one"), (Profile.RM, "none")):
        terms = terms_of(g1, profile)
        header = message_under(terms).header
        header = replace(header, duplicate_elimination=not header.duplicate_elimination)
        with pytest.raises(EbmsRefusal) as raised:
            require_agreed(replace(message_under(terms), header=header), terms)
        assert raised.value.received == said


def test_what_we_ask_for_where_we_may_choose() -> None:
    for free in (False, True):
        assert asks_for(ALWAYS, when_free=free)
        assert not asks_for(NEVER, when_free=free)
        assert asks_for(EITHER, when_free=free) is free
