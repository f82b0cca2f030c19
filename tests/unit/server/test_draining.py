"""A site that comes to its end: what happens on each connection, by what is going on there."""

from typing import Any, cast

import pytest

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.names import ENDPOINTS
from digipoort_wus.server.http import Head
from digipoort_wus.server.resources import WusResource
from digipoort_wus.server.services import Services
from tests.unit.server.test_site import Desk, check, closing, finish, post, status
from tests.unit.server.test_site import desk as desk


def test_every_answer_closes_its_connection(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(post(b"<x/>"))
    finish(desk.pending.pop())
    assert b"Connection: close" not in transport.value()
    assert not closing(transport)
    desk.site.closing = True
    transport.clear()
    channel.dataReceived(post(b"<x/>"))
    assert not closing(transport)
    finish(desk.pending.pop())
    assert status(transport) == 200
    assert b"Connection: close" in transport.value()
    assert closing(transport)


def test_idle_connections_are_closed_and_no_others(desk: Desk) -> None:
    fresh, served, head, body, work = (desk.connect() for _ in range(5))
    served[0].dataReceived(post(b"<x/>"))
    finish(desk.pending.pop())
    head[0].dataReceived(b"POST / HT")
    body[0].dataReceived(post(b"<x/>")[:-1])
    work[0].dataReceived(post(b"<x/>"))
    desk.site.close_idle()
    assert [closing(transport) for _, transport in (fresh, served, head, body, work)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    # What was under way is answered as ever, and then closed.
    body[0].dataReceived(post(b"<x/>")[-1:])
    for future in list(desk.pending):
        finish(future)
    for _, transport in (body, work):
        assert status(transport) == 200
        assert closing(transport)


def test_connections_are_counted_until_they_are_gone(desk: Desk) -> None:
    connections = [desk.connect() for _ in range(3)]
    assert len(desk.site.channels) == 3
    for channel, _ in connections:
        channel.connectionLost()
    assert desk.site.channels == set()


def test_who_comes_when_all_is_done_is_told_to_come_again(desk: Desk) -> None:
    early, at_work = desk.connect()
    early.dataReceived(post(b"<x/>")[:-1])
    desk.resource.closed = True
    late, transport = desk.connect()
    late.dataReceived(post(b"<x/>"))
    assert (status(transport), check(transport)) == (503, "HTTP-BUSY")
    early.dataReceived(post(b"<x/>")[-1:])
    assert (status(at_work), check(at_work)) == (503, "HTTP-BUSY")
    assert desk.seen == []


# --- Room for filings -----------------------------------------------------------------


@pytest.mark.parametrize("name", ENDPOINTS)
def test_without_room_only_filings_are_refused(name: str) -> None:
    def full() -> None:
        raise Refusal(checks.HTTP_BUSY)

    services = Services({}, cast(Any, None), cast(Any, None), full)
    resource = WusResource(services, cast(Any, None))
    path = ENDPOINTS[name].paths[0]
    resource.judge(Head("GET", path, "wsdl", {}))
    head = Head("POST", path, "", {"content-type": "text/xml"})
    if name == "AanleverService":
        with pytest.raises(Refusal, match="HTTP-BUSY"):
            resource.judge(head)
    else:
        resource.judge(head)


def test_refusals_of_heads_are_counted(desk: Desk) -> None:
    counted = []
    desk.site.count = lambda refused: counted.append(refused.id)
    channel, _ = desk.connect()
    channel.dataReceived(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    assert counted == ["HTTP-PATH"]
