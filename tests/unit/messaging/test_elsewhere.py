"""What processes on one store tell each other, and that it is heard."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

import pytest

from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.message import MessageStatus, StatusResponse
from digipoort_wus.messaging.elsewhere import Answered, heard
from digipoort_wus.messaging.outbox import Outbox
from digipoort_wus.messaging.posting import NoAnswer
from digipoort_wus.messaging.service import MessageService
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.store.ebms_values import EbmsId
from tests.unit.messaging.parties import Gateway, Two, answering, services, two_gateways
from tests.unit.store.conftest import postgres_house, sqlite_house

AT = datetime(2026, 11, 23, 4, tzinfo=UTC)
RECEIVED = StatusResponse("a@b", MessageStatus.RECEIVED, AT)


@pytest.mark.parametrize(
    "answer",
    [
        Answered("cpa", "x@y"),
        Answered("cpa één", "x@y", RECEIVED),
        Answered("cpa", "x@y", replace(RECEIVED, timestamp=None)),
        Answered("cpa", "x@y", refused="SecurityFailure"),
    ],
)
def test_an_answer_is_heard_as_it_was_told(answer: Answered) -> None:
    written = answer.written()
    assert written is not None
    assert written.isascii()
    assert heard(written) == answer


def test_what_is_told_is_short() -> None:
    assert Answered("cpa", "x" * 6_000).written() is None
    long = Answered("cpa", "x@y", refused="e" * 6_000).written()
    assert long is not None
    assert len(long) < 1_000


@pytest.mark.parametrize(
    "said",
    ["", "x", "{", "[]", "{}", "²", '{"cpa":"a"}', '{"cpa":1,"asked":2,"status":"?"}', "null"],
)
def test_what_means_nothing_is_not_heard(said: str) -> None:
    assert heard(said) is None


def test_a_number_is_a_message() -> None:
    assert heard("12") == EbmsId(12)


@contextmanager
def beside(
    two: Two, directory: Path, conninfo: str
) -> Iterator[tuple[MessageService, Outbox, Gateway]]:
    """Open the store of Digipoort once more, as another process does, which posts."""
    gateway = two.digipoort
    with postgres_house(directory, conninfo).open() as store:
        built = services(store, gateway.side, two.time, two.wire, gateway.name)
        built[0].hear_others()
        yield built[0], built[1], gateway
        built[1].close()


@contextmanager
def shared(pki: TestPki, directory: Path, conninfo: str) -> Iterator[Two]:
    houses = sqlite_house(directory / "agency"), postgres_house(directory / "shared", conninfo)
    with two_gateways(pki, directory, Profile.RM, houses=houses) as two:
        yield two


def test_a_pong_that_comes_elsewhere_is_heard(
    g1: TestPki, tmp_path: Path, postgres_database: str
) -> None:
    with (
        shared(g1, tmp_path, postgres_database) as two,
        beside(two, tmp_path / "shared", postgres_database) as (service, _, gateway),
    ):
        # The wire brings the Pong to the first process; the second one asked.
        assert service.ping(two.pair.agreement.cpa_id, gateway.side.id).result(20) is None


def test_a_status_that_comes_elsewhere_is_heard(
    g1: TestPki, tmp_path: Path, postgres_database: str
) -> None:
    with (
        shared(g1, tmp_path, postgres_database) as two,
        beside(two, tmp_path / "shared", postgres_database) as (service, _, gateway),
    ):
        message_id = service.send(gateway.letter(two.pair))
        gateway.outbox.run_once()
        number = gateway.rows()[0].ebms_id
        response = service.ask_status(number).result(20)
        assert response is not None
        assert response.status is MessageStatus.RECEIVED
        assert response.ref_to_message_id == message_id
        assert response.timestamp == two.agency.rows()[0].head.at


def test_a_refusal_that_comes_elsewhere_is_heard(
    g1: TestPki, tmp_path: Path, postgres_database: str
) -> None:
    with (
        shared(g1, tmp_path, postgres_database) as two,
        beside(two, tmp_path / "shared", postgres_database) as (service, _, gateway),
    ):
        service.house.hear_others()
        two.wire.hops.append(answering(204))
        future = service.ping(two.pair.agreement.cpa_id, gateway.side.id)
        (key,) = service.house.waiting._futures
        refused = Answered(*key, refused="'SecurityFailure'")
        assert gateway.service.house.answered(refused) is False
        assert gateway.service.house.pass_on(refused) is True
        with pytest.raises(NoAnswer, match="SecurityFailure"):
            future.result(20)


def test_others_are_woken_by_what_is_kept(
    g1: TestPki, tmp_path: Path, postgres_database: str
) -> None:
    told: list[EbmsId] = []
    with (
        shared(g1, tmp_path, postgres_database) as two,
        beside(two, tmp_path / "shared", postgres_database) as (service, outbox, gateway),
    ):
        woken = threading.Semaphore(0)
        service.on_change(told.append)
        service.house.mailroom.wake = woken.release  # type: ignore[method-assign, union-attr]
        two.agency.service.send(two.agency.letter(two.pair))
        two.agency.outbox.run_once()
        assert woken.acquire(timeout=20), "the acknowledgment is a task"
        until = monotonic() + 20
        while not told and monotonic() < until:
            sleep(0.02)
        assert told == [gateway.rows()[0].ebms_id]
        assert outbox.run_once() == 1
        assert two.agency.rows()[0].state == "DELIVERED"


def test_nobody_is_told_where_nobody_can_be(g1: TestPki, tmp_path: Path) -> None:
    with two_gateways(g1, tmp_path, Profile.RM) as two:
        assert two.digipoort.service.house.pass_on(Answered("cpa", "x@y")) is False
