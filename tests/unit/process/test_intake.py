import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from digipoort_wus import checks
from digipoort_wus.errors import Check, ConfigurationError, Refusal
from digipoort_wus.filing.filing import Delivery, Document
from digipoort_wus.filing.party import Party
from digipoort_wus.process.api import Caller, MailboxQuery, Period, Scope
from digipoort_wus.process.authorisation import PartyRow, Right, authorisation_table
from digipoort_wus.process.routes import read_routes, sandbox_routes
from digipoort_wus.store.ports import FilingRow, Overview, Reader, Transaction
from tests.unit.process.sandbox import (
    DELIVERY,
    HAPPY,
    OTHER,
    START,
    Sandbox,
    TurnableClock,
    caller,
    done,
    in_memory,
    opened,
    times,
)


def filings(sandbox: Sandbox, kenmerk: str) -> Sequence[FilingRow]:
    def rows(reader: Reader) -> Sequence[FilingRow]:
        return reader.filings_of(kenmerk)

    return sandbox.store.read(rows)


def test_acceptance_gives_three_statuses_and_a_kenmerk_of_ours(sandbox: Sandbox) -> None:
    sandbox.clock.turn(microseconds=123456)
    filing = sandbox.accept()
    assert len(filing.kenmerk) == 36
    assert filing.kenmerk == filing.kenmerk.lower() != filing.berichtkenmerk
    assert filing.received_at == START.replace(microsecond=123000)
    rows = done(
        sandbox.service.process_statuses(caller(), filing.kenmerk, Period(), Scope.ALL, None)
    )
    assert [row.status.code for row in rows] == ["105", "100", "110"]
    assert rows[0].status.at >= filing.received_at
    assert times([row.status.at for row in rows])


def test_the_receiver_is_filled_in_from_the_route(sandbox: Sandbox) -> None:
    delivery = sandbox.accept().delivery
    assert delivery.ontvanger == Party("00000002003214394002", "OIN")
    assert delivery.rol_ontvanger == "overheid"


def test_a_receiver_that_was_named_stays(sandbox: Sandbox) -> None:
    named = replace(DELIVERY, ontvanger=Party("1", "ID-ontvanger"))
    assert sandbox.accept(named).delivery == named


def test_what_was_stored_is_what_was_sent(sandbox: Sandbox) -> None:
    large = Document("application/octet-stream", "groot.bin", bytes(range(256)) * 1024)
    delivery = replace(
        DELIVERY,
        kenmerk="not-ours",
        aanleverkenmerk="é",
        eerder_aanleverkenmerk="eerder",
        ontvanger=Party("2", "OIN"),
        rol_ontvanger="",
        autorisatie_adres="http://geenausp.nl/",
        attachments=(large, replace(large, content=b"")),
    )
    who = caller()
    filing = sandbox.accept(delivery, who)
    assert filing.delivery == delivery
    assert filing.kenmerk != "not-ours"
    assert sandbox.accept(delivery, who) == filing
    (row,) = filings(sandbox, filing.kenmerk)
    assert in_memory(sandbox.store.read(lambda reader: reader.filing(row.filing_id))) == filing


def test_a_repeat_gets_the_first_filing_also_after_a_restart(tmp_path: Path) -> None:
    who = caller()
    with opened(tmp_path / "data") as house:
        filing = house.accept(who=who)
        house.clock.turn(hours=1)
        assert house.accept(who=who) == filing
        house.run()
    with opened(tmp_path / "data") as house:
        assert house.accept(who=who) == filing
        assert house.run() is None
        assert house.codes(filing.kenmerk) == HAPPY
        assert len(filings(house, filing.kenmerk)) == 1


def test_another_body_under_the_same_message_id_is_refused(sandbox: Sandbox) -> None:
    sandbox.accept(who=caller(message_id="m"))
    with pytest.raises(Refusal) as caught:
        sandbox.accept(who=caller(message_id="m", body=b"other"))
    assert caught.value.check is checks.MESSAGE_ID_REUSED


def test_another_sender_may_use_the_same_message_id(sandbox: Sandbox) -> None:
    first = sandbox.accept(who=caller(message_id="m"))
    second = sandbox.accept(who=caller(OTHER, message_id="m"))
    assert first.kenmerk != second.kenmerk


def test_an_unknown_berichtsoort_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(Refusal) as caught:
        sandbox.accept(replace(DELIVERY, berichtsoort="omzetbelasting"))
    assert caught.value.check is checks.BERICHTSOORT_KNOWN


@pytest.mark.parametrize(
    "address", [None, "", "http://geenausp.nl", "http://geenausp.nl/", "https://ausp.example/"]
)
def test_an_authorisation_service_that_is_none_or_known(
    sandbox: Sandbox, address: str | None
) -> None:
    sandbox.accept(replace(DELIVERY, autorisatie_adres=address))


@pytest.mark.parametrize("address", ["http://geenausp.nl//", "http://geenausp.nl.example", "x"])
def test_another_authorisation_service_is_refused(sandbox: Sandbox, address: str) -> None:
    with pytest.raises(Refusal) as caught:
        sandbox.accept(replace(DELIVERY, autorisatie_adres=address))
    assert caught.value.check is checks.AUSP_KNOWN
    with pytest.raises(Refusal):
        done(sandbox.service.berichtsoorten(caller(), Party("1", "Fi"), address))


def test_a_known_kenmerk_continues_the_process_after_the_earlier_delivery(
    sandbox: Sandbox,
) -> None:
    first = sandbox.accept()
    again = replace(DELIVERY, kenmerk=first.kenmerk)
    second = sandbox.accept(again)
    assert second.kenmerk == first.kenmerk
    assert second.berichtkenmerk != first.berichtkenmerk
    sandbox.run()
    assert sandbox.codes(first.kenmerk) == HAPPY[:3] * 2 + HAPPY[3:] * 2
    third = sandbox.accept(again)
    sandbox.run()
    rows = done(
        sandbox.service.process_statuses(caller(), third.kenmerk, Period(), Scope.ALL, None)
    )
    assert [row.status.code for row in rows[-9:]] == HAPPY
    assert times([row.status.at for row in rows])
    entries = done(
        sandbox.service.processes(caller(), "Omzetbelasting", DELIVERY.belanghebbende, None)
    )
    assert [entry.kenmerk for entry in entries] == [first.kenmerk]


def test_a_kenmerk_of_another_sender_or_berichtsoort_is_refused(sandbox: Sandbox) -> None:
    kenmerk = sandbox.accept().kenmerk
    for delivery, oin in (
        (replace(DELIVERY, kenmerk=kenmerk), OTHER),
        (replace(DELIVERY, kenmerk=kenmerk, berichtsoort="ICP"), caller().oin),
    ):
        with pytest.raises(Refusal) as caught:
            sandbox.accept(delivery, oin=oin)
        assert caught.value.check is checks.KENMERK_CONTINUE
    assert len(filings(sandbox, kenmerk)) == 1


def test_a_clock_that_goes_back_does_not_turn_statuses_round(sandbox: Sandbox) -> None:
    filing = sandbox.accept()
    sandbox.clock.turn(milliseconds=1)
    sandbox.run()
    sandbox.clock.turn(hours=-1)
    sandbox.accept(replace(DELIVERY, kenmerk=filing.kenmerk))
    sandbox.run()
    rows = done(
        sandbox.service.process_statuses(caller(), filing.kenmerk, Period(), Scope.ALL, None)
    )
    assert len(rows) == 18
    assert times([row.status.at for row in rows])


def test_the_sandbox_knows_these_berichtsoorten() -> None:
    returns = ["Omzetbelasting", "ICP", "OBSUP", "Aangifte_LH"]
    assert list(sandbox_routes()) == [*returns, "TEST", "Voorbeeldfactuur"]


def test_berichtsoorten_of_a_party(sandbox: Sandbox) -> None:
    of_anybody = ["TEST", "Voorbeeldfactuur"]

    def known(type_: str) -> list[str]:
        found = done(sandbox.service.berichtsoorten(caller(), Party("1", type_), None))
        return list(found)

    assert known("fi") == ["Omzetbelasting", "ICP", "OBSUP", *of_anybody]
    assert known("LHnr") == ["Aangifte_LH", *of_anybody]
    assert known("kvk") == of_anybody


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[[route]]\nabout = 'x'",
        "[[route]]\nberichtsoort = ''",
        "[[route]]\nberichtsoort = 'x'\nbelanghebbende_types = 'Fi'",
        "[[route]]\nberichtsoort = 'x'\nontvnger = '1'",
        "[[route]]\nberichtsoort = 'x'\n[[route]]\nberichtsoort = 'x'",
    ],
)
def test_a_wrong_table_of_routes_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        read_routes(text)


# --- What the table of parties lets in, and how much ----------------------------------

LIMITED = PartyRow(
    caller().oin,
    rights=frozenset({Right.AANLEVEREN}),
    berichtsoorten=("Omzetbelasting",),
    belanghebbenden=("Fi:001000044B37",),
)


def refused(sandbox: Sandbox, delivery: Delivery, who: Caller | None = None) -> Check:
    with pytest.raises(Refusal) as caught:
        sandbox.accept(delivery, who)
    return caught.value.check


def files_of(directory: Path) -> list[Path]:
    return [path for path in (directory / "payloads").rglob("*/*/*") if path.is_file()]


def test_who_connected_is_kept_with_who_signed(tmp_path: Path) -> None:
    carried = replace(caller(), tls_oin=OTHER)
    with opened(tmp_path / "data") as house:
        filing = house.accept(who=carried)
        assert (filing.sender, filing.tls_oin) == (carried.oin, OTHER)
        local = house.accept(who=replace(caller(), tls_oin=None))
        assert local.tls_oin is None
    with opened(tmp_path / "data") as house:
        assert house.accept(who=carried).tls_oin == OTHER


@pytest.mark.parametrize("size", [1, 200_000])
def test_what_the_row_does_not_name_is_refused_and_not_stored(tmp_path: Path, size: int) -> None:
    content = replace(DELIVERY.document, content=b"x" * size)
    delivery = replace(DELIVERY, document=content)
    with opened(tmp_path / "data", table=authorisation_table([LIMITED])) as house:
        kenmerk = house.accept(delivery).kenmerk
        before = files_of(tmp_path / "data")
        other = replace(content, content=b"y" * size)
        for wrong in (
            replace(delivery, document=other, berichtsoort="ICP"),
            replace(delivery, document=other, belanghebbende=Party("001000044B38", "Fi")),
        ):
            assert refused(house, wrong) is checks.PARTY_AUTHORISED
        assert refused(house, replace(delivery, berichtsoort="X")) is checks.BERICHTSOORT_KNOWN
        assert refused(house, delivery, caller(OTHER)) is checks.PARTY_ENABLED
        assert files_of(tmp_path / "data") == before
        found = house.store.read(lambda reader: reader.overview(Overview()))
        rows = [(row.filing.kenmerk,) for row in found]
        assert rows == [(kenmerk,)]


def test_a_repeat_of_what_was_accepted_is_answered_whatever_the_row_says_now(
    sandbox: Sandbox,
) -> None:
    who = caller()
    filing = sandbox.accept(who=who)
    sandbox.table = authorisation_table([replace(LIMITED, berichtsoorten=("ICP",))])
    assert sandbox.accept(who=who) == filing
    assert refused(sandbox, DELIVERY) is checks.PARTY_AUTHORISED


def test_old_filings_stay_the_party_s_own(sandbox: Sandbox) -> None:
    """Who may no longer file something may still follow and fetch what it filed."""
    kenmerk = sandbox.accept().kenmerk
    sandbox.run()
    sandbox.table = authorisation_table([replace(LIMITED, berichtsoorten=("ICP",))])
    assert sandbox.codes(kenmerk) == HAPPY
    assert len(done(sandbox.service.messages(caller(), MailboxQuery(), Scope.ALL))) == 1


def test_only_berichtsoorten_that_it_may_file_are_listed(sandbox: Sandbox) -> None:
    sandbox.table = authorisation_table([replace(LIMITED, berichtsoorten=("O*",))])

    def listed(party: Party) -> list[str]:
        found = done(sandbox.service.berichtsoorten(caller(), party, None))
        return list(found)

    assert listed(Party("001000044B37", "Fi")) == ["Omzetbelasting", "OBSUP"]
    assert listed(Party("001000044B38", "Fi")) == []


def test_bytes_of_a_day(tmp_path: Path) -> None:
    """Attachments count, repeats and what was refused do not, and a restart forgets nothing."""
    table = authorisation_table([replace(LIMITED, bytes_per_day=1000)])

    def of(size: int) -> Delivery:
        half = replace(DELIVERY.document, content=b"x" * (size // 2))
        return replace(DELIVERY, document=half, attachments=(half,))

    clock = TurnableClock(START.replace(hour=23, minute=59, second=59))
    with opened(tmp_path / "data", table=table, clock=clock) as house:
        who = caller()
        first = house.accept(of(600), who)
        assert house.accept(of(600), who) == first
        assert refused(house, of(402)) is checks.PARTY_VOLUME
        house.accept(of(398))
    with opened(tmp_path / "data", table=table, clock=clock) as house:
        assert refused(house, of(4)) is checks.PARTY_VOLUME
        assert house.accept(of(600), who) == first
        house.accept(of(2))
        house.clock.turn(seconds=1)
        assert refused(house, of(1002)) is checks.PARTY_VOLUME
        house.accept(of(1000))


def test_what_was_counted_when_its_message_came_is_not_counted_again(tmp_path: Path) -> None:
    table = authorisation_table([replace(LIMITED, bytes_per_day=1)])
    with opened(tmp_path / "data", table=table) as house:
        house.accept(DELIVERY, replace(caller(), counted=True))
        assert refused(house, DELIVERY) is checks.PARTY_VOLUME


def test_bytes_of_a_day_are_counted_over_all_fronts(tmp_path: Path, postgres_database: str) -> None:
    """Two processes file for one party at the same time: exactly so much comes through."""
    table = authorisation_table([replace(LIMITED, bytes_per_day=1000)])
    hundred = replace(DELIVERY, document=replace(DELIVERY.document, content=b"x" * 100))
    front = partial(opened, tmp_path / "data", table=table, database=postgres_database)
    with front() as first, front() as second:
        futures = [
            house.service.accept(caller(), hundred) for _ in range(8) for house in (first, second)
        ]
        errors = [future.exception(20) for future in futures]
        assert errors.count(None) == 10
        for error in filter(None, errors):
            assert isinstance(error, Refusal)
            assert error.check is checks.PARTY_VOLUME


def test_a_large_filing_over_the_limit_leaves_no_file(tmp_path: Path) -> None:
    table = authorisation_table([replace(LIMITED, bytes_per_day=300_000)])
    with opened(tmp_path / "data", table=table) as house:
        house.accept(replace(DELIVERY, document=large(b"x")))
        assert refused(house, replace(DELIVERY, document=large())) is checks.PARTY_VOLUME
        assert len(files_of(tmp_path / "data")) == 1


def large(letter: bytes = b"y") -> Document:
    return replace(DELIVERY.document, content=letter * 200_000)


def test_a_large_filing_that_is_refused_for_any_reason_leaves_no_file(tmp_path: Path) -> None:
    """Volumes count what is accepted, so what is refused may not fill the disk beside them."""
    with opened(tmp_path / "data") as house:
        who = caller()
        first = house.accept(replace(DELIVERY, document=large(b"x")), who)
        before = files_of(tmp_path / "data")
        reused = replace(who, body_digest=b"another body")
        for delivery, sender, check in (
            (replace(DELIVERY, autorisatie_adres="http://nowhere"), caller(), checks.AUSP_KNOWN),
            (replace(DELIVERY, kenmerk=first.kenmerk), caller(OTHER), checks.KENMERK_CONTINUE),
            (replace(DELIVERY, berichtsoort="X"), caller(), checks.BERICHTSOORT_KNOWN),
            (DELIVERY, reused, checks.MESSAGE_ID_REUSED),
        ):
            for _ in range(2):
                assert refused(house, replace(delivery, document=large()), sender) is check
            assert files_of(tmp_path / "data") == before


def test_what_the_writer_alone_can_refuse_leaves_no_file(tmp_path: Path) -> None:
    """Filings that come together each stay below the volume, until the first is counted."""
    table = authorisation_table([replace(LIMITED, bytes_per_day=300_000)])
    with opened(tmp_path / "data", table=table) as house:
        busy, release = threading.Event(), threading.Event()

        def wait(_: Transaction) -> None:
            busy.set()
            release.wait(10)

        house.store.write(wait)
        assert busy.wait(10)
        deliveries = [replace(DELIVERY, document=large(bytes([65 + n]))) for n in range(8)]
        # Twice the same: each has a file of its own, under a key of its own.
        futures = [house.service.accept(caller(), each) for each in [*deliveries, *deliveries]]
        while len(files_of(tmp_path / "data")) < 2 * len(deliveries):
            time.sleep(0.01)
        release.set()
        outcomes = [future.exception(20) for future in futures]
        refusals = [each.check for each in outcomes if isinstance(each, Refusal)]
        assert refusals == [checks.PARTY_VOLUME] * (len(futures) - 1)
        assert len(files_of(tmp_path / "data")) == 1
        (accepted,) = (future.result() for future in futures if future.exception() is None)
        (row,) = filings(house, accepted.kenmerk)
        assert in_memory(house.store.read(lambda reader: reader.filing(row.filing_id))) == accepted


def test_a_repeat_of_a_large_filing_mends_its_file(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as house:
        who, delivery = caller(), replace(DELIVERY, document=large())
        first = house.accept(delivery, who)
        (path,) = files_of(tmp_path / "data")
        path.unlink()
        assert house.accept(delivery, who) == first
        (row,) = filings(house, first.kenmerk)
        assert in_memory(house.store.read(lambda reader: reader.filing(row.filing_id))) == first
        assert len(files_of(tmp_path / "data")) == 1
