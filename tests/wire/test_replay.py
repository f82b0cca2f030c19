"""A signed question is asked once: identical octets over TLS, across restarts and races."""

import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest
from lxml import etree

from digipoort_wus.clock import to_milliseconds
from digipoort_wus.names import DS, ECHO, ECHO_BE, ECHO_BE_S, SOAP, WSA, Service
from digipoort_wus.testing import sandbox_gateway
from digipoort_wus.wss.policy import DIGIPOORT_1_2
from digipoort_wus.wss.sign import LIFETIME
from tests.messages import QUERY_BODIES, aanlever_body, query_body, signed
from tests.wire.conftest import (
    Answer,
    Running,
    Wire,
    assert_refused,
    body_of,
    head,
    request_for,
    restarting,
    spawn,
    text_of,
)

WITHOUT_KENMERK = [name for name, body in QUERY_BODIES.items() if "{kenmerk}" not in body]


def question(
    running: Running,
    operation: str = "getBerichtsoorten",
    *,
    name: str = "vendor-a",
    kenmerk: str = "onbekend",
    created: datetime | None = None,
    message_id: str | None = None,
) -> bytes:
    return request_for(
        running,
        query_body(operation, kenmerk),
        name=name,
        operation=operation,
        created=created,
        message_id=message_id,
    )


def ask(
    running: Running, octets: bytes, operation: str = "getBerichtsoorten", name: str = "vendor-a"
) -> Answer:
    """Send these very octets on a connection of their own."""
    with Wire(running, name) as wire:
        wire.send(head(running.url_for(operation), len(octets)) + octets)
        return wire.answer()


def assert_replay(answer: Answer, operation: str = "getBerichtsoorten") -> None:
    mailbox = operation.startswith(("getBerichten", "getNieuweBerichten"))
    assert_refused(answer, "OPH110" if mailbox else "STS110", "WSS-REPLAY")


# --- What is a repeat -------------------------------------------------------------


@pytest.mark.parametrize("operation", QUERY_BODIES)
def test_identical_octets_are_refused_for_every_query(gateway: Running, operation: str) -> None:
    kenmerk = gateway.submit(reference="for-the-replay")
    octets = question(gateway, operation, kenmerk=kenmerk)
    assert ask(gateway, octets, operation).status == 200
    for _ in range(2):
        assert_replay(ask(gateway, octets, operation), operation)
    again = question(gateway, operation, kenmerk=kenmerk)
    assert ask(gateway, again, operation).status == 200


def test_a_question_that_was_refused_may_not_be_repeated_either(gateway: Running) -> None:
    octets = question(gateway, "getStatussenProces")
    assert_refused(ask(gateway, octets, "getStatussenProces"), "STS150", "KENMERK-KNOWN")
    assert_replay(ask(gateway, octets, "getStatussenProces"))


def test_an_aanleveren_that_comes_again_gets_the_same_kenmerk(gateway: Running) -> None:
    octets = request_for(gateway)
    answers = [ask(gateway, octets, "aanleveren") for _ in range(3)]
    assert [answer.status for answer in answers] == [200] * 3
    assert len({text_of(body_of(answer), "kenmerk") for answer in answers}) == 1


def test_the_same_question_signed_anew_is_another_one(gateway: Running) -> None:
    message_id, now = f"urn:uuid:{uuid4()}", datetime.now(UTC)
    for age in range(3):
        created = now - timedelta(seconds=age)
        octets = question(gateway, created=created, message_id=message_id)
        assert ask(gateway, octets).status == 200


def test_two_parties_may_ask_the_same(gateway: Running) -> None:
    message_id, now = f"urn:uuid:{uuid4()}", datetime.now(UTC)
    for name in ("vendor-a", "vendor-b"):
        octets = question(gateway, name=name, created=now, message_id=message_id)
        assert ask(gateway, octets, name=name).status == 200
        assert_replay(ask(gateway, octets, name=name))


def other_base64(octets: bytes) -> bytes:
    root = etree.fromstring(octets)
    value = next(root.iter(f"{{{DS}}}SignatureValue"))
    text = "".join((value.text or "").split())
    value.text = "\n".join(("", text[:30], text[30:], ""))
    return etree.tostring(root)


DRESSED: dict[str, Callable[[bytes], bytes]] = {
    "other line ends in SignatureValue": other_base64,
    "a byte order mark": lambda octets: b"\xef\xbb\xbf" + octets,
    "no XML declaration": lambda octets: octets.partition(b"?>")[2].lstrip(),
    "other quotes": lambda octets: octets.replace(b'EncodingType="', b'EncodingType = "'),
}


@pytest.mark.parametrize("name", DRESSED)
def test_the_same_message_in_another_dress_is_a_repeat(gateway: Running, name: str) -> None:
    """What is not signed may change on the way; the signature stays what it was."""
    octets = question(gateway)
    dressed = DRESSED[name](octets)
    assert dressed != octets
    assert ask(gateway, octets).status == 200
    assert_replay(ask(gateway, dressed))


def test_after_its_time_it_is_expired_and_no_repeat() -> None:
    """A gateway in this process, whose clock is turned to the last moment and past it."""
    with sandbox_gateway() as sandbox:
        sandbox.clock.freeze(to_milliseconds(sandbox.clock()))
        first, second, third = sandbox.urls
        nobody = cast("subprocess.Popen[str]", None)
        running = Running(nobody, sandbox.directory, (first, second, third))
        octets = question(running, created=sandbox.clock())
        assert ask(running, octets).status == 200
        # The skew is five minutes more than what it says itself.
        sandbox.clock.move(LIFETIME + DIGIPOORT_1_2.skew)
        assert_replay(ask(running, octets))
        sandbox.clock.move(timedelta(milliseconds=1))
        assert_refused(ask(running, octets), "STS110", "WSS-EXPIRED")


# --- The profiles of Digikoppeling ---------------------------------------------------


def echo(service: Service) -> etree._Element:
    return etree.fromstring(
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{WSA}"><s:Header>'
        f"<a:To>https://localhost:8443{service.paths[0]}</a:To>"
        f"<a:Action>{service.request_action(service.operations[0])}</a:Action>"
        f"<a:MessageID>urn:uuid:{uuid4()}</a:MessageID></s:Header>"
        f'<s:Body><e:echoRequest xmlns:e="{ECHO}"><e:text>hallo</e:text></e:echoRequest></s:Body>'
        "</s:Envelope>"
    )


def test_a_signed_echo_is_asked_once_and_an_unsigned_one_as_often_as_one_likes(
    gateway: Running,
) -> None:
    now = datetime.now(UTC)
    signed_octets = signed(gateway.identity("vendor-a"), echo(ECHO_BE_S), created=now)
    unsigned = etree.tostring(echo(ECHO_BE))
    for service, octets, expected in (
        (ECHO_BE, unsigned, [200, 200, 200]),
        (ECHO_BE_S, signed_octets, [200, 500, 500]),
    ):
        url = gateway.base + service.paths[0]
        answers = [gateway.post(url, octets) for _ in range(3)]
        assert [answer.status_code for answer in answers] == expected, answers[-1].text
        assert all("[WSS-REPLAY]" in answer.text for answer in answers[expected.count(200) :])


# --- At the same instant, and across the end of the process ----------------------------


@pytest.mark.parametrize("operation", ["getBerichtsoorten", "getNieuweStatussen"])
def test_of_identical_questions_at_the_same_instant_one_passes(
    gateway: Running, operation: str
) -> None:
    url = gateway.url_for(operation)
    for _ in range(5):
        octets = question(gateway, operation)
        ready = threading.Barrier(4)

        def race(octets: bytes = octets, ready: threading.Barrier = ready) -> Answer:
            with Wire(gateway) as wire:
                wire.send(head(url, len(octets)) + octets[:-1])
                ready.wait()
                wire.send(octets[-1:])
                return wire.answer()

        with ThreadPoolExecutor(4) as pool:
            answers = [future.result() for future in [pool.submit(race) for _ in range(4)]]
        refused = [answer for answer in answers if answer.status != 200]
        assert len(refused) == 3
        for answer in refused:
            assert_replay(answer, operation)


def test_pipelined_on_one_connection_the_second_is_refused(gateway: Running) -> None:
    octets = question(gateway)
    one = head(gateway.url_for("getBerichtsoorten"), len(octets)) + octets
    with Wire(gateway) as wire:
        wire.send(one + one)
        assert wire.answer().status == 200
        assert_replay(wire.answer())


@pytest.mark.parametrize("how", ["terminate", "kill"])
def test_the_end_of_the_process_forgets_nothing(tmp_path: Path, how: str) -> None:
    """Also not kill -9 right behind the answer."""
    with restarting(tmp_path / "data") as running:
        asked = []
        for operation in WITHOUT_KENMERK:
            octets = question(running[-1], operation)
            assert ask(running[-1], octets, operation).status == 200
            asked.append((operation, octets))
        getattr(running[-1].process, how)()
        running[-1].process.wait(20)
        running.append(spawn(tmp_path / "data"))
        for operation, octets in asked:
            assert_replay(ask(running[-1], octets, operation), operation)
        kenmerk = running[-1].submit()
        assert running[-1].statuses(kenmerk)[:3] == ["105", "100", "110"]


def test_killed_under_load_no_answered_question_is_answered_again(tmp_path: Path) -> None:
    answered: list[bytes] = []
    stop = threading.Event()

    def keep_asking(running: Running) -> None:
        while not stop.is_set():
            octets = question(running)
            try:
                if ask(running, octets).status == 200:
                    answered.append(octets)
            except (OSError, AssertionError):
                return  # an answer that was cut off is no answer

    with restarting(tmp_path / "data") as running:
        with ThreadPoolExecutor(3) as pool:
            asking = [pool.submit(keep_asking, running[0]) for _ in range(3)]
            while len(answered) < 20:
                time.sleep(0.01)
            running[0].process.kill()
            running[0].process.wait(20)
            stop.set()
            for future in asking:
                future.result()
        running.append(spawn(tmp_path / "data"))
        for octets in answered:
            assert_replay(ask(running[1], octets))


def test_a_filing_answered_before_kill_9_is_found_again(tmp_path: Path) -> None:
    with restarting(tmp_path / "data") as running:
        octets = request_for(running[0], aanlever_body(reference="before"))
        first = ask(running[0], octets, "aanleveren")
        running[0].process.kill()
        running[0].process.wait(20)
        running.append(spawn(tmp_path / "data"))
        again = ask(running[1], octets, "aanleveren")
    assert text_of(body_of(first), "kenmerk") == text_of(body_of(again), "kenmerk")
