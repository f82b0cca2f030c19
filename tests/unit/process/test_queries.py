"""Everybody sees his own, and what is new is new once."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.filing.content import read_content
from digipoort_wus.filing.filing import Delivery, Document, ReturnMessage
from digipoort_wus.filing.party import Party
from digipoort_wus.process import queries
from digipoort_wus.process.api import MailboxQuery, Period, Scope
from digipoort_wus.process.authorisation import (
    AuthorisationTable,
    MailboxMandate,
    Others,
    authorisation_table,
)
from digipoort_wus.process.later import Later, Overtaken
from digipoort_wus.store.values import PayloadDamaged
from tests.unit.process.sandbox import (
    DELIVERY,
    HAPPY,
    OTHER,
    START,
    XBRL,
    Sandbox,
    caller,
    done,
)

PARTY = DELIVERY.belanghebbende
ALWAYS = Period()


def new(sandbox: Sandbox, party: Party = PARTY, period: Period = ALWAYS) -> list[str]:
    found = sandbox.service.new_statuses(caller(), "Omzetbelasting", party, period, None)
    return [row.status.code for row in done(found)]


def test_a_foreign_kenmerk_looks_like_an_unknown_one(sandbox: Sandbox) -> None:
    kenmerk = sandbox.accept().kenmerk
    explanations = set()
    for asked in (kenmerk, "no-such-kenmerk"):
        for scope in Scope:
            with pytest.raises(Refusal) as caught:
                sandbox.codes(asked, oin=OTHER, scope=scope)
            assert caught.value.check is checks.KENMERK_KNOWN
            explanations.add(caught.value.explanation())
            query = MailboxQuery(kenmerk=asked)
            with pytest.raises(Refusal) as caught:
                done(sandbox.service.messages(caller(OTHER), query, scope))
            explanations.add(caught.value.explanation())
            with pytest.raises(Refusal) as caught:
                done(sandbox.service.message_list(caller(OTHER), query, scope))
            explanations.add(caught.value.explanation())
    assert len(explanations) == 1
    assert sandbox.codes(kenmerk, scope=Scope.NEW) == HAPPY[:3]


def test_foreign_filings_are_invisible(sandbox: Sandbox) -> None:
    sandbox.accept()
    sandbox.run()
    service, other = sandbox.service, caller(OTHER)
    assert done(service.processes(other, "Omzetbelasting", PARTY, None)) == []
    assert done(service.new_statuses(other, "Omzetbelasting", PARTY, Period(), None)) == []
    assert done(service.messages(other, MailboxQuery(), Scope.NEW)) == []
    assert done(service.message_list(other, MailboxQuery(), Scope.ALL)) == []


def test_processes_are_of_one_party_and_berichtsoort(sandbox: Sandbox) -> None:
    first = sandbox.accept()
    sandbox.clock.turn(seconds=1)
    second = sandbox.accept()
    sandbox.accept(replace(DELIVERY, berichtsoort="ICP"))
    sandbox.accept(replace(DELIVERY, belanghebbende=Party("001000044B38", "Fi")))
    sandbox.accept(replace(DELIVERY, belanghebbende=Party(PARTY.number, "BTW")))
    same = Party(PARTY.number, "FI")
    entries = done(sandbox.service.processes(caller(), "Omzetbelasting", same, None))
    assert [entry.kenmerk for entry in entries] == [first.kenmerk, second.kenmerk]
    assert entries[0].ontvanger == first.delivery.ontvanger


def test_new_statuses_of_a_process_are_new_once(sandbox: Sandbox) -> None:
    kenmerk = sandbox.accept().kenmerk
    assert sandbox.codes(kenmerk, scope=Scope.NEW) == HAPPY[:3]
    assert sandbox.codes(kenmerk, scope=Scope.NEW) == []
    sandbox.run()
    assert sandbox.codes(kenmerk) == HAPPY
    assert sandbox.codes(kenmerk, scope=Scope.NEW) == HAPPY[3:]
    assert new(sandbox) == []
    assert sandbox.codes(kenmerk) == HAPPY


def test_new_statuses_of_all_processes(sandbox: Sandbox) -> None:
    sandbox.accept()
    sandbox.accept()
    assert new(sandbox, Party("1", "Fi")) == []
    assert sorted(new(sandbox)) == sorted(HAPPY[:3] * 2)
    sandbox.run()
    assert len(new(sandbox)) == 12
    assert new(sandbox) == []


def test_a_query_that_is_refused_marks_nothing(sandbox: Sandbox) -> None:
    kenmerk = sandbox.accept().kenmerk
    backwards = Period(START, START - timedelta(seconds=1))
    with pytest.raises(Refusal) as caught:
        new(sandbox, period=backwards)
    assert caught.value.check is checks.PERIOD_ORDER
    assert sandbox.codes(kenmerk, scope=Scope.NEW) == HAPPY[:3]


def test_a_period_includes_both_ends_and_marks_only_what_it_shows(sandbox: Sandbox) -> None:
    sandbox.accept()
    second = START + timedelta(milliseconds=1)
    assert new(sandbox, period=Period(second, second)) == ["100"]
    assert new(sandbox, period=Period(end=START)) == ["105"]
    late = second + timedelta(microseconds=1)
    assert new(sandbox, period=Period(start=late, end=late)) == []
    assert new(sandbox, period=Period(start=late)) == ["110"]


def test_the_mailbox(sandbox: Sandbox) -> None:
    filing = sandbox.accept(replace(DELIVERY, aanleverkenmerk="mijn-kenmerk"))
    sandbox.run()
    service = sandbox.service
    entries = done(service.message_list(caller(), MailboxQuery(), Scope.NEW))
    assert [entry.kenmerk for entry in entries] == [filing.kenmerk]
    message = done(service.messages(caller(), MailboxQuery(), Scope.NEW))[0]
    assert message.aanleverkenmerk == "mijn-kenmerk"
    assert message.belanghebbende == PARTY
    assert message.berichtsoort == "Omzetbelasting"
    assert message.elements
    content = read_content(message.document.content)
    assert filing.kenmerk.encode() in content
    assert PARTY.number.encode() not in content
    assert done(service.messages(caller(), MailboxQuery(), Scope.NEW)) == []
    assert done(service.message_list(caller(), MailboxQuery(), Scope.NEW)) == []
    assert done(service.messages(caller(), MailboxQuery(), Scope.ALL)) == [message]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (MailboxQuery(), 1),
        (MailboxQuery(berichtsoort="Omzetbelasting", belanghebbende=PARTY), 1),
        (MailboxQuery(berichtsoort="ICP"), 0),
        (MailboxQuery(belanghebbende=Party("1", "Fi")), 0),
        (MailboxQuery(belanghebbende=Party(PARTY.number, "LHnr")), 0),
        (MailboxQuery(period=Period(end=START - timedelta(seconds=1))), 0),
        (MailboxQuery(period=Period(START, START)), 1),
    ],
)
def test_what_a_mailbox_query_selects(sandbox: Sandbox, query: MailboxQuery, found: int) -> None:
    kenmerk = sandbox.accept().kenmerk
    sandbox.run()
    assert len(done(sandbox.service.messages(caller(), query, Scope.ALL))) == found
    own = replace(query, kenmerk=kenmerk)
    assert len(done(sandbox.service.message_list(caller(), own, Scope.NEW))) == found


# --- Mailboxes of others, by mandate ----------------------------------------------------

THIRD = "00000099000000003000"


def mandated(*belanghebbenden: Party, oin: str = OTHER) -> AuthorisationTable:
    mandates = [MailboxMandate(oin, party) for party in belanghebbenden]
    return authorisation_table((), mandates, others=Others.ADMITTED)


def about(number: str) -> Delivery:
    document = replace(DELIVERY.document, content=XBRL.format(number).encode())
    return replace(DELIVERY, belanghebbende=Party(number, "Fi"), document=document)


def fetch(sandbox: Sandbox, query: MailboxQuery, scope: Scope, oin: str = OTHER) -> list[str]:
    rows = done(sandbox.service.messages(caller(oin), query, scope))
    listed = done(sandbox.service.message_list(caller(oin), query, Scope.ALL))
    if scope is Scope.ALL:
        assert [row.kenmerk for row in rows] == [row.kenmerk for row in listed]
    return [row.kenmerk for row in rows]


def test_a_mandate_opens_the_mailbox_of_a_belanghebbende_whoever_filed(sandbox: Sandbox) -> None:
    theirs = sandbox.accept().kenmerk
    elsewhere = Party("001000044B38", "Fi")
    sandbox.accept(about(elsewhere.number))
    own = sandbox.accept(about("7"), oin=OTHER).kenmerk
    sandbox.run()
    assert fetch(sandbox, MailboxQuery(), Scope.ALL) == [own]
    sandbox.table = mandated(Party(PARTY.number, "fI"))
    assert fetch(sandbox, MailboxQuery(), Scope.ALL) == [theirs, own]
    for query, expected in (
        (MailboxQuery(belanghebbende=PARTY), [theirs]),
        (MailboxQuery(belanghebbende=Party(PARTY.number, "BTW")), []),
        (MailboxQuery(belanghebbende=elsewhere), []),
        (MailboxQuery(berichtsoort="ICP"), []),
        (MailboxQuery(kenmerk=theirs), [theirs]),
        (MailboxQuery(kenmerk=own), [own]),
        (MailboxQuery(period=Period(end=START - timedelta(seconds=1))), []),
    ):
        assert fetch(sandbox, query, Scope.ALL) == expected
    assert fetch(sandbox, MailboxQuery(), Scope.ALL, THIRD) == []


def test_a_mandate_in_another_register_opens_nothing(sandbox: Sandbox) -> None:
    kenmerk = sandbox.accept().kenmerk
    sandbox.run()
    sandbox.table = mandated(Party(PARTY.number, "BTW"), Party("001000044B3", "Fi"))
    assert fetch(sandbox, MailboxQuery(), Scope.ALL) == []
    with pytest.raises(Refusal) as caught:
        fetch(sandbox, MailboxQuery(kenmerk=kenmerk), Scope.ALL)
    assert caught.value.check is checks.KENMERK_KNOWN


@pytest.mark.parametrize(
    ("filed", "opened", "found"),
    [
        ("Fi", "FI", True),
        ("\ufb01", "Fi", False),
        ("Fi", "\ufb01", False),
        ("\ufb01", "\ufb01", True),
        ("\u00c9a", "\u00c9A", True),
        ("\u00c9a", "\u00e9a", False),
        ("\u212a", "k", False),
    ],
)
def test_mandate_and_store_agree_on_what_a_register_is(
    sandbox: Sandbox, filed: str, opened: str, found: bool
) -> None:
    about = replace(DELIVERY, belanghebbende=Party(PARTY.number, filed))
    kenmerk = sandbox.accept(about).kenmerk
    sandbox.run()
    sandbox.table = mandated(Party(PARTY.number, opened))
    assert fetch(sandbox, MailboxQuery(), Scope.ALL) == ([kenmerk] if found else [])
    if found:
        assert fetch(sandbox, MailboxQuery(kenmerk=kenmerk), Scope.ALL) == [kenmerk]
    else:
        with pytest.raises(Refusal):
            fetch(sandbox, MailboxQuery(kenmerk=kenmerk), Scope.ALL)


def test_what_is_new_is_new_to_each_reader(sandbox: Sandbox) -> None:
    kenmerk = sandbox.accept().kenmerk
    sandbox.run()
    sandbox.table = mandated(PARTY)
    assert fetch(sandbox, MailboxQuery(), Scope.NEW) == [kenmerk]
    assert fetch(sandbox, MailboxQuery(), Scope.NEW) == []
    assert fetch(sandbox, MailboxQuery(), Scope.NEW, caller().oin) == [kenmerk]


def test_a_mailbox_mandate_shows_no_statuses(sandbox: Sandbox) -> None:
    kenmerk = sandbox.accept().kenmerk
    sandbox.run()
    sandbox.table = mandated(PARTY)
    for scope in Scope:
        with pytest.raises(Refusal) as caught:
            sandbox.codes(kenmerk, oin=OTHER, scope=scope)
        assert caught.value.check is checks.KENMERK_KNOWN
    service, other = sandbox.service, caller(OTHER)
    assert done(service.processes(other, "Omzetbelasting", PARTY, None)) == []
    assert done(service.new_statuses(other, "Omzetbelasting", PARTY, ALWAYS, None)) == []


def test_thousands_of_mandates_are_one_question(sandbox: Sandbox) -> None:
    kenmerk = sandbox.accept().kenmerk
    sandbox.run()
    many = [Party(f"{number:09d}B01", "Fi") for number in range(40_000)]
    sandbox.table = mandated(*many, PARTY)
    assert fetch(sandbox, MailboxQuery(), Scope.ALL) == [kenmerk]
    assert fetch(sandbox, MailboxQuery(kenmerk=kenmerk), Scope.ALL) == [kenmerk]


# --- Answers are bounded ------------------------------------------------------------------


def test_an_answer_has_so_many_statuses_and_the_next_the_rest(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "STATUSES_AT_ONCE", 4)
    kenmerk = sandbox.accept().kenmerk
    sandbox.run()
    assert sandbox.codes(kenmerk) == HAPPY[:4]
    assert [new(sandbox) for _ in range(4)] == [HAPPY[:4], HAPPY[4:8], HAPPY[8:], []]
    first = [kenmerk, *(sandbox.accept().kenmerk for _ in range(4))][:4]
    entries = done(sandbox.service.processes(caller(), "Omzetbelasting", PARTY, None))
    assert [entry.kenmerk for entry in entries] == first


def test_an_answer_has_so_many_messages_and_octets_and_the_next_the_rest(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    kenmerken = [sandbox.accept().kenmerk for _ in range(5)]
    sandbox.run()

    def fetched() -> list[str]:
        found = sandbox.service.messages(caller(), MailboxQuery(), Scope.NEW)
        return [message.kenmerk for message in done(found)]

    monkeypatch.setattr(queries, "MESSAGES_AT_ONCE", 2)
    first = fetched()
    assert len(first) == 2
    monkeypatch.setattr(queries, "OCTETS_AT_ONCE", 1)
    second = fetched()
    assert len(second) == 1, "one is given whatever its size"
    monkeypatch.undo()
    assert sorted(first + second + fetched()) == sorted(kenmerken)
    assert fetched() == []


# --- What cannot be read or given -----------------------------------------------------------


def offered(sandbox: Sandbox, kenmerk: str, name: str, content: bytes = b"<x/>") -> None:
    message = ReturnMessage(
        kenmerk=kenmerk,
        berichtkenmerk=name,
        berichtsoort="Aanslag",
        offered_at=START + timedelta(hours=1),
        belanghebbende=PARTY,
        rol_belanghebbende="Bedrijf",
        document=Document("text/xml", name, content),
    )
    done(sandbox.store.write(lambda transaction: transaction.offer(message)))


def fetched(sandbox: Sandbox, scope: Scope) -> list[str]:
    found = sandbox.service.messages(caller(), MailboxQuery(), scope)
    return [message.berichtkenmerk for message in done(found)]


def test_what_cannot_be_read_or_sent_closes_no_mailbox(
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    kenmerk = sandbox.accept().kenmerk
    offered(sandbox, kenmerk, "damaged", b"x" * 200_000)
    offered(sandbox, kenmerk, "not\x0bsendable")
    offered(sandbox, kenmerk, "sound")
    (sealed,) = [
        path
        for path in tmp_path.glob("**/payloads/??/??/*")
        if path.is_file() and path.stat().st_size > 200_000
    ]
    octets = sealed.read_bytes()
    sealed.unlink()
    monkeypatch.setattr(queries, "MESSAGES_AT_ONCE", 1)
    assert fetched(sandbox, Scope.ALL) == ["sound"]
    assert fetched(sandbox, Scope.NEW) == ["sound"]
    with pytest.raises(PayloadDamaged):
        fetched(sandbox, Scope.NEW)
    assert "message-unreadable" in {getattr(record, "event", "") for record in caplog.records}
    assert PARTY.number not in caplog.text
    sealed.write_bytes(octets)
    assert fetched(sandbox, Scope.NEW) == ["damaged"], "it was not marked, and is there again"


def test_new_is_marked_when_the_answer_is_there_and_not_before(sandbox: Sandbox) -> None:
    kenmerk = sandbox.accept().kenmerk
    sandbox.run()
    service = sandbox.service

    def ask(later: Later) -> int:
        return len(done(service.messages(caller(), MailboxQuery(), Scope.NEW, later)))

    given_up, first, second = Later(), Later(), Later()
    assert [ask(later) for later in (given_up, first, second)] == [1, 1, 1]
    done(first.settle())
    with pytest.raises(Overtaken):
        done(second.settle())
    entries = sandbox.store.read(lambda reader: reader.evidence(kenmerk))
    assert [entry.kind for entry in entries].count("fetched") == 1
    assert ask(Later()) == 0
    nothing = Later()
    assert ask(nothing) == 0
    assert not nothing.is_owed
    done(nothing.settle())


@pytest.mark.parametrize("of_process", [True, False])
def test_new_statuses_are_marked_when_the_answer_is_there(
    sandbox: Sandbox, of_process: bool
) -> None:
    kenmerk = sandbox.accept().kenmerk
    service = sandbox.service

    def ask(later: Later) -> int:
        if of_process:
            asked = service.process_statuses(caller(), kenmerk, ALWAYS, Scope.NEW, None, later)
        else:
            asked = service.new_statuses(caller(), "Omzetbelasting", PARTY, ALWAYS, None, later)
        return len(done(asked))

    first, second = Later(), Later()
    assert [ask(later) for later in (Later(), first, second)] == [3, 3, 3]
    done(first.settle())
    with pytest.raises(Overtaken):
        done(second.settle())
    nothing = Later()
    assert ask(nothing) == 0
    assert not nothing.is_owed, "what gives nothing marks nothing"
    sandbox.run()
    assert ask(Later()) == 6


def test_who_asks_at_the_same_time_shares_what_is_new(sandbox: Sandbox) -> None:
    for _ in range(6):
        sandbox.accept()
    sandbox.run()
    asked = [sandbox.service.messages(caller(), MailboxQuery(), Scope.NEW) for _ in range(8)]
    given = [message.berichtkenmerk for answer in asked for message in done(answer)]
    assert len(given) == len(set(given)) == 6
