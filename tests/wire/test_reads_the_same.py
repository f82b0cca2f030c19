"""Without explanations nobody learns from a fault why the table of parties refuses him.

A gateway as in production, where who has no row is refused: unknown, disabled, not granted
the operation, the berichtsoort or the belanghebbende, and asking or filing too much. What
comes back is compared as a whole, without what differs from one answer to the next anyway.
"""

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest
import requests
from lxml import etree
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher

from digipoort_wus.clock import system_clock
from digipoort_wus.config import Config
from digipoort_wus.gateway import Gateway
from digipoort_wus.names import ECHO, ECHO_BE, ECHO_BE_S, SOAP, WSA, Service
from digipoort_wus.pki.testplan import VENDOR_A_OIN, VENDOR_B_OIN
from digipoort_wus.process.authorisation import PartyRow, Right, authorisation_table
from digipoort_wus.testing.reactor_thread import ReactorThread
from tests.messages import aanlever_body, envelope, query_body, signed
from tests.wire.conftest import Running, with_pki

GRANTED = PartyRow(
    VENDOR_A_OIN,
    rights=frozenset(Right),
    berichtsoorten=("*",),
    belanghebbenden=("*",),
)
OTHER = replace(GRANTED, oin=VENDOR_B_OIN)
# What differs from answer to answer: MessageIDs, moments, and how long an answer is.
VOLATILE = re.compile(r"urn:uuid:[0-9a-f-]{36}|\d{4}-\d\d-\d\dT[0-9:.]+Z")
HEADERS = ("date", "content-length")

FOR_ALL = {
    "unknown": ("PARTY-ENABLED", authorisation_table([OTHER])),
    "disabled": ("PARTY-ENABLED", authorisation_table([replace(GRANTED, disabled="did not pay")])),
    "disabled without rights": (
        "PARTY-ENABLED",
        authorisation_table([replace(GRANTED, rights=frozenset(), disabled="x")]),
    ),
}
FOR_FILINGS = {
    "another berichtsoort": (
        "PARTY-AUTHORISED",
        authorisation_table([replace(GRANTED, berichtsoorten=("ICP",))]),
    ),
    "another belanghebbende": (
        "PARTY-AUTHORISED",
        authorisation_table([replace(GRANTED, belanghebbenden=("Fi:9",))]),
    ),
    "too many bytes": ("PARTY-VOLUME", authorisation_table([replace(GRANTED, bytes_per_day=1)])),
}
TOO_OFTEN = authorisation_table([replace(GRANTED, requests_per_minute=1)])
QUESTIONS = {
    "aanleveren": Right.AANLEVEREN,
    "getStatussenProces": Right.STATUSINFORMATIE,
    "getBerichtenLijst": Right.OPHALEN,
}


@contextmanager
def as_in_production(directory: Path) -> Iterator[tuple[Running, Gateway]]:
    """Run a gateway that explains nothing, in this process, so that its table can be changed."""
    with_pki(directory)
    config = replace(Config(), data_dir=directory, port=0, explain_faults=False)
    with ReactorThread() as thread:

        def begin() -> Gateway:
            gateway = Gateway(config, reactor=thread.reactor, clock=system_clock)
            gateway.listen()
            return gateway

        gateway = thread.call(begin)
        nobody = cast("subprocess.Popen[str]", None)
        try:
            first, second, third = gateway.urls
            yield Running(nobody, directory, (first, second, third)), gateway
        finally:
            thread.call(cast("Callable[[], None]", gateway.stop))


@pytest.fixture(scope="module")
def production(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Running, Gateway]]:
    with as_in_production(tmp_path_factory.mktemp("same") / "data") as running:
        yield running


@pytest.fixture
def told() -> Iterator[list[str]]:
    """The checks that the gateway's log names, for the operator alone."""
    named: list[str] = []

    def observe(event: LogEvent) -> None:
        named.extend(re.findall(r"refused by ([A-Z-]+)", formatEvent(event)))

    observer = cast(ILogObserver, observe)
    globalLogPublisher.addObserver(observer)
    yield named
    globalLogPublisher.removeObserver(observer)


def ask(running: Running, operation: str) -> requests.Response:
    body = aanlever_body() if operation == "aanleveren" else query_body(operation)
    root = envelope(body, name=operation, message_id=f"urn:uuid:{uuid4()}")
    octets = signed(running.identity("vendor-a"), root, created=datetime.now(UTC))
    return running.post(running.url_for(operation), octets)


def echo(running: Running, service: Service) -> requests.Response:
    root = etree.fromstring(
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{WSA}"><s:Header>'
        f"<a:To>https://localhost:8443{service.paths[0]}</a:To>"
        f"<a:Action>{service.request_action(service.operations[0])}</a:Action>"
        f"<a:MessageID>urn:uuid:{uuid4()}</a:MessageID></s:Header>"
        f'<s:Body><e:echoRequest xmlns:e="{ECHO}"><e:text>x</e:text></e:echoRequest></s:Body>'
        "</s:Envelope>"
    )
    octets = etree.tostring(root)
    if service is ECHO_BE_S:
        octets = signed(running.identity("vendor-a"), root, created=datetime.now(UTC))
    return running.post(running.base + service.paths[0], octets)


def seen(answer: requests.Response) -> tuple[object, ...]:
    """Return all that a sender sees of a fault, without what differs each time."""
    assert answer.status_code == 500, answer.text
    assert "PARTY" not in answer.text
    root = etree.fromstring(answer.content)
    security = next(root.iter("{*}Security"), None)
    if security is not None:  # its digests and signature are of the MessageID
        header = security.getparent()
        assert header is not None
        header.remove(security)
    # So are the Ids of what was signed.
    for element in root.iter():
        for name in [name for name in element.attrib if str(name).endswith("}Id")]:
            del element.attrib[name]
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in HEADERS}
    text = VOLATILE.sub("", etree.tostring(root, method="c14n").decode())
    return answer.status_code, tuple(sorted(headers.items())), text


@pytest.mark.parametrize("operation", QUESTIONS)
def test_digipoort_tells_nobody_why_the_table_refuses(
    production: tuple[Running, Gateway], told: list[str], operation: str
) -> None:
    running, gateway = production
    rights = frozenset(Right) - {QUESTIONS[operation]}
    other = authorisation_table([replace(GRANTED, rights=rights)])
    reasons = {**FOR_ALL, "another operation": ("PARTY-AUTHORISED", other)}
    if operation == "aanleveren":
        reasons |= FOR_FILINGS
    same: dict[tuple[object, ...], list[str]] = {}
    for reason, (check, table) in reasons.items():
        gateway.authorise(table)
        same.setdefault(seen(ask(running, operation)), []).append(reason)
        assert told[-1:] == [check], reason
    gateway.authorise(TOO_OFTEN)
    # Of three within a minute or two at least one is too many.
    answers = [ask(running, operation) for _ in range(3)]
    refused = [answer for answer in answers if b"Fault>" in answer.content]
    too_often = [seen(answer) for answer, check in zip(refused, told[-len(refused) :], strict=True)
                 if check == "PARTY-RATE"]  # fmt: skip
    # He was let in, and is told to come back, as of an overload.
    assert too_often
    assert all(re.search(">(ALS|STS|OPH)400<", str(one)) for one in too_often)
    assert len(same) == 1, list(same.values())


@pytest.mark.parametrize("service", [ECHO_BE, ECHO_BE_S], ids=lambda service: service.name)
def test_digikoppeling_tells_nobody_whether_he_is_unknown_disabled_or_not_allowed(
    production: tuple[Running, Gateway], told: list[str], service: Service
) -> None:
    """Who asks too often is told 0051, as the standard has it: that is after he was let in."""
    running, gateway = production
    other = authorisation_table([replace(GRANTED, rights=frozenset({Right.OPHALEN}))])
    same: dict[tuple[object, ...], list[str]] = {}
    for reason, (check, table) in {
        **FOR_ALL,
        "another operation": ("PARTY-AUTHORISED", other),
    }.items():
        gateway.authorise(table)
        same.setdefault(seen(echo(running, service)), []).append(reason)
        assert told[-1:] == [check], reason
    assert len(same) == 1, list(same.values())
    gateway.authorise(authorisation_table([GRANTED]))
    assert echo(running, service).status_code == 200


def test_what_is_compared_shows_a_difference(production: tuple[Running, Gateway]) -> None:
    """Two faults of two kinds are two, so that the tests above can fail."""
    running, gateway = production
    gateway.authorise(authorisation_table([OTHER]))
    unknown = seen(ask(running, "aanleveren"))
    assert unknown == seen(ask(running, "aanleveren"))
    root = envelope(aanlever_body(), message_id=f"urn:uuid:{uuid4()}")
    octets = signed(running.identity("vendor-a"), root, created=datetime(2026, 1, 1, tzinfo=UTC))
    assert unknown != seen(running.post(running.url_for("aanleveren"), octets))
