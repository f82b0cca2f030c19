"""The interface for applications: what they send, take and follow, and what they may not."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from digipoort_wus import limits
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.messaging.posting import NoAnswer
from digipoort_wus.pki.oin import oin_of
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.server import backend
from digipoort_wus.server.backend_table import OPERATIONS, Needs
from digipoort_wus.store.values import PayloadDamaged, StoreFailed
from tests.unit.server.backend_desk import ALL, LESS, SETTINGS, Answer, Desk, desks, read
from tests.unit.server.test_metrics import values
from tests.unit.server.test_site import logged

MESSAGES = "/v1/messages"


@pytest.fixture
def both(g1: TestPki, tmp_path: Path) -> Iterator[tuple[Desk, Desk]]:
    with desks(g1, tmp_path) as found:
        yield found


@pytest.fixture
def desk(both: tuple[Desk, Desk]) -> Desk:
    return both[0]


@pytest.fixture(scope="module")
def still(g1: TestPki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One for all tests that change nothing."""
    with desks(g1, tmp_path_factory.mktemp("still")) as (desk, _):
        yield desk
        assert desk.gateway.rows() == []


def form(told: object, *payloads: bytes, message: str = "message") -> bytes:
    head = f'--XX\r\nContent-Disposition: form-data; name="{message}"\r\n\r\n'.encode()
    parts = [head + json.dumps(told).encode()]
    for number, octets in enumerate(payloads):
        parts.append(
            b'--XX\r\nContent-Disposition: form-data; name="payload"; '
            + f'filename="f{number}.bin"\r\nContent-Type: image/png\r\n\r\n'.encode()
            + octets
        )
    return b"\r\n".join([*parts, b"--XX--\r\n"])


FORM = "multipart/form-data; boundary=XX"


# --- Who may ask ------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "", "wrong", ALL + "x", ALL.upper(), "\xff\xfe"])
def test_who_shows_no_token_or_another_learns_nothing(still: Desk, token: str | None) -> None:
    for path in (MESSAGES, "/nothing", "/v1/openapi.json"):
        answer = still.ask("GET", path, token=token)
        assert (answer.status, answer.check) == (401, "BACKEND-TOKEN")
        assert answer.headers["www-authenticate"] == "Bearer"


def test_refusals_of_heads_are_counted(desk: Desk) -> None:
    desk.ask("GET", MESSAGES, token=None)
    counted = values(desk.metrics.registry)
    key = "requests_refused_total{berichtsoort=none,check=BACKEND-TOKEN,operation=none}"
    assert counted[key] == 1


def test_another_scheme_is_no_token(still: Desk) -> None:
    answer = still.raw(
        f"GET {MESSAGES} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {ALL}\r\n\r\n".encode()
    )
    assert answer.check == "BACKEND-TOKEN"


def test_two_tokens_are_none(still: Desk) -> None:
    line = f"Authorization: Bearer {ALL}\r\n"
    answer = still.raw(f"GET {MESSAGES} HTTP/1.1\r\nHost: localhost\r\n{line}{line}\r\n".encode())
    assert answer.status == 401


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8447"])
def test_a_name_of_somebody_else_is_refused(still: Desk, host: str) -> None:
    answer = still.ask("GET", MESSAGES, host=host)
    assert (answer.status, answer.check) == (400, "HTTP-HOST")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8447", "[::1]:1"])
def test_this_machine_is_not(still: Desk, host: str) -> None:
    assert still.ask("GET", MESSAGES, host=host).status == 200


def test_agreements_are_changed_with_a_right_of_their_own(still: Desk) -> None:
    for method in ("PUT", "DELETE"):
        answer = still.ask(method, "/v1/cpas/x", token=LESS)
        assert (answer.status, answer.check) == (403, "BACKEND-RIGHT")
    assert still.ask("GET", "/v1/cpas", token=LESS).status == 200
    changing = {each.name for each in OPERATIONS if each.needs is Needs.AGREEMENTS}
    assert changing == {"putAgreement", "removeAgreement"}


def test_with_tls_a_client_certificate_has_to_be_named(
    both: tuple[Desk, Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = both[0].gateway.side.certificate
    settings = replace(SETTINGS, host="192.0.2.1", tls=True, clients=frozenset({"1" * 20}))
    desk = Desk(both[0].two, both[0].gateway, settings)

    def refused(desk: Desk) -> bool:
        answer = desk.ask("GET", MESSAGES, host="gateway.example.nl")
        return answer.status == 403 and answer.check == "BACKEND-CLIENT"

    assert refused(desk)
    monkeypatch.setattr(backend, "peer_certificate", lambda _: certificate)
    assert refused(desk)
    named = replace(settings, clients=frozenset({oin_of(certificate)}))
    desk = Desk(both[0].two, both[0].gateway, named)
    assert desk.ask("GET", MESSAGES, host="gateway.example.nl").status == 200
    # On an open connection as well: each request is judged.
    desk.revoked = True
    assert refused(desk)


# --- What is asked ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1/messages/", 404),
        ("GET", "/v1/messages/0", 404),
        ("GET", "/v1/messages/-1", 404),
        ("GET", "/v1/messages/99999999999999999999", 404),
        ("GET", "/v1/messages/%31x", 404),
        ("GET", "/v1/messages/77", 404),
        ("GET", "/v1/messages/77/envelope", 404),
        ("GET", "/v1/messages/77/status", 404),
        ("GET", "/v1/messages/77/payloads/1", 404),
        ("POST", "/v1/messages/77/ask", 404),
        ("POST", "/v1/messages/77/give-up", 404),
        ("POST", "/v1/messages/77/resend", 404),
        ("GET", "/v1/cpas/there%2Fis%20none", 404),
        ("GET", "/v1/cpas/%ff", 404),
        ("DELETE", "/v1/cpas/none", 404),
        ("DELETE", "/v1/messages", 405),
        ("PUT", "/v1/messages/1", 405),
        ("GET", "/v1/messages?limit=0", 400),
        ("GET", "/v1/messages?limit=1001", 400),
        ("GET", "/v1/messages?limit=ten", 400),
        ("GET", "/v1/messages?limit=1&limit=2", 400),
        ("GET", "/v1/messages?unknown=1", 400),
        ("GET", "/v1/messages?limit", 400),
        ("GET", "/v1/messages?direction=up", 400),
        ("GET", "/v1/messages?cpaId=", 400),
        ("GET", "/v1/messages?cpaId=%ff", 400),
        ("GET", "/v1/messages?cpaId=%00", 400),
        ("GET", "/v1/messages/1?inline=yes", 400),
        ("GET", "/v1/events?" + "after=1&" * 40, 400),
    ],
)
def test_what_there_is_not_is_refused(still: Desk, method: str, target: str, status: int) -> None:
    answer = still.ask(method, target)
    assert answer.status == status
    if status == 405:
        assert answer.headers["allow"]
        assert method not in answer.headers["allow"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b'{"ids": [1], "ids": [1]}',
        b'{"ids": []}',
        b'{"ids": [0]}',
        b'{"ids": [true]}',
        b'{"ids": [1.0]}',
        b'{"ids": [NaN]}',
        b'{"ids": "1"}',
        b'{"ids": [1], "more": 1}',
        b'{"ids": [' + b"9" * 5000 + b"]}",
        b'{"ids": [1]} {}',
    ],
)
def test_json_of_another_form_is_refused(still: Desk, body: bytes) -> None:
    answer = still.ask("POST", "/v1/messages/processed", body)
    assert (answer.status, answer.check) == (400, "BACKEND-FORM")


@pytest.mark.parametrize(
    "change",
    [
        {"action": None},
        {"action": "a\0"},
        {"action": "\ud800"},
        {"action": "x" * 1025},
        {"service": "x"},
        {"service": {"value": "x", "other": 1}},
        {"surprise": 1},
        {"payloads": [{"mediaType": "a/b", "base64": "?"}]},
        {"payloads": [{"mediaType": "a/b", "base64": "abc"}]},
        {"payloads": [{"mediaType": "no type", "base64": ""}]},
        {"payloads": [{"mediaType": "a/b\r\nx: y", "base64": ""}]},
        {"payloads": [{"mediaType": "a/b", "base64": "", "contentId": "<a@b>"}]},
        {"payloads": [{"mediaType": "a/b", "base64": "", "contentId": "a\r\nb"}]},
        {"payloads": [{"mediaType": "a/b"}]},
        {"payloads": [{"mediaType": "a/b", "base64": ""}] * 101},
    ],
)
def test_a_message_of_another_form_is_refused(still: Desk, change: dict[str, Any]) -> None:
    told = {name: value for name, value in still.new(**change).items() if value is not None}
    answer = still.ask("POST", MESSAGES, told)
    assert (answer.status, answer.check) == (400, "BACKEND-FORM")
    assert still.gateway.rows() == []


def test_what_an_agreement_does_not_allow_is_not_kept(still: Desk) -> None:
    twice = [{"mediaType": "a/b", "base64": "", "contentId": "a@b"}] * 2
    changes: tuple[dict[str, Any], ...] = (
        {"cpaId": "none"},
        {"action": "other"},
        {"service": {"value": "other"}},
        {"from": {"value": "somebody", "type": "urn:osb:oin"}},
        {"payloads": twice},
    )
    for change in changes:
        answer = still.ask("POST", MESSAGES, still.new(**change))
        assert (answer.status, answer.check) == (422, "BACKEND-AGREED"), change
    assert still.gateway.rows() == []


@pytest.mark.parametrize("content_type", ["text/plain", "", "text/xml", "application/json,x/y"])
def test_another_content_type_is_refused(still: Desk, content_type: str) -> None:
    answer = still.ask("POST", MESSAGES, still.new(), content_type=content_type)
    assert (answer.status, answer.check) == (415, "BACKEND-TYPE")


def test_a_body_where_there_is_none_is_refused(still: Desk) -> None:
    assert still.ask("GET", MESSAGES, {}).check == "BACKEND-TYPE"
    assert still.ask("POST", "/v1/messages/1/ask", {}).check == "BACKEND-TYPE"


def start(method: str, path: str, content_type: str, rest: str) -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ALL}\r\n"
    return f"{head}Content-Type: {content_type}\r\n{rest}\r\n\r\n".encode()


def test_a_body_that_is_too_large_is_refused_by_its_head(still: Desk) -> None:
    for content_type, most in (
        ("application/json", limits.BACKEND_JSON_MAX_BYTES),
        (FORM, limits.EBMS_WIRE_MAX_BYTES),
    ):
        length = f"Content-Length: {most + 1}"
        answer = still.raw(start("POST", MESSAGES, content_type, length))
        assert (answer.status, answer.check) == (413, "BACKEND-SIZE")


def test_a_chunked_body_that_is_too_large_is_refused_as_it_comes(still: Desk) -> None:
    channel, transport = still.connect()
    channel.dataReceived(start("POST", MESSAGES, "application/json", "Transfer-Encoding: chunked"))
    piece = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    for _ in range(limits.BACKEND_JSON_MAX_BYTES // 65_536):
        channel.dataReceived(piece)
        assert transport.value() == b""
    channel.dataReceived(piece)
    answer = read(transport)
    assert (answer.status, answer.check) == (413, "HTTP-SIZE")


def test_half_a_body_changes_nothing(still: Desk) -> None:
    whole = json.dumps(still.new()).encode()
    channel, transport = still.connect()
    channel.dataReceived(
        start("POST", MESSAGES, "application/json", f"Content-Length: {len(whole)}")
    )
    channel.dataReceived(whole[:-1])
    still.clock.advance(limits.BODY_WINDOW_SECONDS)
    answer = read(transport)
    assert (answer.status, answer.check) == (408, "HTTP-DEADLINE")
    assert still.gateway.rows() == []


def test_one_connection_too_many_is_closed(desk: Desk) -> None:
    for _ in range(limits.BACKEND_CONNECTIONS_MAX):
        assert desk.connect()[0] is not None
    assert desk.connect()[0] is None


# --- Messages ---------------------------------------------------------------------------


@pytest.mark.parametrize("profile", [Profile.BE, Profile.RM_S, Profile.RM_E])
def test_a_message_goes_from_one_application_to_the_other(
    g1: TestPki, tmp_path: Path, profile: Profile
) -> None:
    with desks(g1, tmp_path, profile) as (agency, digipoort):
        sent = agency.ask("POST", MESSAGES, agency.new())
        assert sent.status == 201
        number, message_id = sent.told["id"], sent.told["messageId"]
        assert sent.headers["location"] == f"{MESSAGES}/{number}"
        agency.two.wire.run()

        (came,) = digipoort.ask("GET", f"{MESSAGES}/unprocessed").told["messages"]
        assert (came["messageId"], came["state"], came["direction"]) == (
            message_id,
            "RECEIVED",
            "in",
        )
        got = digipoort.ask("GET", f"{MESSAGES}/{came['id']}").told
        (payload,) = got["payloads"]
        assert base64.b64decode(payload["base64"]) == b"<a/>"
        assert (payload["mediaType"], payload["size"]) == ("application/xml", 4)
        raw = digipoort.ask("GET", f"{MESSAGES}/{came['id']}/payloads/1")
        assert (raw.body, raw.headers["content-type"]) == (b"<a/>", "application/xml")
        assert raw.headers["content-disposition"].startswith("attachment; ")
        assert digipoort.ask("GET", f"{MESSAGES}/{came['id']}/payloads/2").status == 404
        envelope = digipoort.ask("GET", f"{MESSAGES}/{came['id']}/envelope")
        assert message_id.encode() in envelope.body

        done = {"ids": [came["id"]]}
        assert digipoort.ask("POST", f"{MESSAGES}/processed", done).told == {"changed": 1}
        assert digipoort.ask("POST", f"{MESSAGES}/processed", done).told == {"changed": 0}
        assert digipoort.ask("GET", f"{MESSAGES}/unprocessed").told["messages"] == []

        status = agency.ask("GET", f"{MESSAGES}/{number}/status").told
        assert status["message"]["state"] == "DELIVERED"
        assert [each["status"] for each in status["attempts"]] == [204]
        assert [each["kind"] for each in status["events"]] == ["DELIVERED"]
        assert (status["answer"] is not None) == profile.reliable
        (event,) = agency.ask("GET", "/v1/events").told["events"]
        assert event["id"] == number
        marked = {"ids": [event["eventId"], 99]}
        assert agency.ask("POST", "/v1/events/processed", marked).told == {"changed": 1}
        assert agency.ask("GET", "/v1/events").told == {"events": [], "next": None}


def test_the_same_message_again_is_answered_the_same(desk: Desk) -> None:
    told = desk.new("7d8ff8b4@example.nl")
    first = desk.ask("POST", MESSAGES, told)
    again = desk.ask("POST", MESSAGES, told)
    assert (first.status, again.status) == (201, 200)
    assert first.told == again.told
    assert len(desk.gateway.rows()) == 1
    # As a form it is the same message, too.
    (payload,) = told.pop("payloads")
    body = form(told, base64.b64decode(payload["base64"]))
    body = body.replace(b"f0.bin", b"a.xml").replace(b"image/png", b"application/xml")
    assert desk.ask("POST", MESSAGES, body, content_type=FORM).told == first.told


@pytest.mark.parametrize(
    "change",
    [
        {"payloads": []},
        {"payloads": [{"mediaType": "application/xml", "base64": "PGIvPg==", "name": "a.xml"}]},
        {"payloads": [{"mediaType": "text/xml", "base64": "PGEvPg==", "name": "a.xml"}]},
        {"payloads": [{"mediaType": "application/xml", "base64": "PGEvPg=="}]},
        {"conversationId": "other"},
        {"refToMessageId": "other@example.nl"},
        {
            "payloads": [
                {
                    "mediaType": "application/xml",
                    "base64": "PGEvPg==",
                    "name": "a.xml",
                    "contentId": "other@example.nl",
                }
            ]
        },
    ],
)
def test_another_message_under_a_known_id_is_refused(desk: Desk, change: dict[str, Any]) -> None:
    first = desk.ask("POST", MESSAGES, desk.new("1@example.nl"))
    answer = desk.ask("POST", MESSAGES, desk.new("1@example.nl", **change))
    assert (answer.status, answer.check) == (409, "BACKEND-SAME")
    (row,) = desk.gateway.rows()
    assert row.ebms_id == first.told["id"]


def test_under_another_agreement_it_is_another_message(desk: Desk) -> None:
    sender = {"value": desk.gateway.side.id.value, "type": desk.gateway.side.id.type}
    desk.ask("POST", MESSAGES, desk.new("1@example.nl", **{"from": sender}))
    other = desk.new("1@example.nl", cpaId="other", **{"from": sender})
    answer = desk.ask("POST", MESSAGES, other)
    assert (answer.status, answer.check) == (409, "BACKEND-SAME")


def test_without_room_nothing_is_sent_and_the_rest_goes_on(desk: Desk) -> None:
    desk.full = True
    answer = desk.ask("POST", MESSAGES, desk.new())
    assert (answer.status, answer.check) == (503, "HTTP-BUSY")
    assert desk.ask("POST", f"{MESSAGES}/processed", {"ids": [1]}).status == 404
    assert desk.ask("GET", MESSAGES).told["messages"] == []


def test_who_sends_the_same_id_a_moment_earlier_wins(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question whether it is known comes before the write: both may hear no."""
    desk.ask("POST", MESSAGES, desk.new("1@example.nl"))
    work: Any = desk.resource._door.desk
    monkeypatch.setattr(work, "_out", lambda *_: None)
    assert desk.ask("POST", MESSAGES, desk.new("1@example.nl")).status == 201
    other = desk.ask("POST", MESSAGES, desk.new("1@example.nl", payloads=[]))
    assert (other.status, other.check) == (409, "BACKEND-SAME")
    assert len(desk.gateway.rows()) == 1


def test_an_encrypted_message_again_is_known_by_its_headers(g1: TestPki, tmp_path: Path) -> None:
    with desks(g1, tmp_path, Profile.RM_E) as (desk, _):
        first = desk.ask("POST", MESSAGES, desk.new("1@example.nl"))
        assert desk.ask("POST", MESSAGES, desk.new("1@example.nl")).told == first.told
        assert desk.ask("POST", MESSAGES, desk.new("1@example.nl", payloads=[])).status == 409


def test_a_message_comes_as_a_form(both: tuple[Desk, Desk]) -> None:
    desk, other = both
    told = desk.new()
    del told["payloads"]
    octets = (b"\x89PNG\r\n" + bytes(range(256)), b"x" * 300_000)
    answer = desk.ask("POST", MESSAGES, form(told, *octets), content_type=FORM)
    assert answer.status == 201
    desk.two.wire.run()
    (came,) = other.ask("GET", f"{MESSAGES}/unprocessed").told["messages"]
    got = other.ask("GET", f"{MESSAGES}/{came['id']}").told["payloads"]
    assert [(each["name"], each["mediaType"], each["size"], each["base64"]) for each in got] == [
        ("f0.bin", "image/png", len(octets[0]), None),
        ("f1.bin", "image/png", 300_000, None),
    ]
    for number, wanted in enumerate(octets, 1):
        path = f"{MESSAGES}/{came['id']}/payloads/{number}"
        answer = other.ask("GET", path)
        assert answer.body == wanted
        assert answer.headers["content-length"] == str(len(wanted))
        assert answer.headers["content-disposition"] == f'attachment; filename="f{number - 1}.bin"'
        assert other.ask("HEAD", path).headers["content-length"] == str(len(wanted))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no form",
        b"--XX--\r\n",
        form({}),
        form([]),
        form({"payloads": []}),
        form({}, message="other"),
        form({}).replace(b'name="message"', b"name=two; name=message"),
        form({}).replace(b"--XX--", b"--XX"),
    ],
)
def test_a_form_of_another_form_is_refused(still: Desk, body: bytes) -> None:
    answer = still.ask("POST", MESSAGES, body, content_type=FORM)
    assert (answer.status, answer.check) in {(400, "BACKEND-FORM"), (400, "MIME-FORM")}
    assert still.ask("POST", MESSAGES, b"x", content_type="multipart/form-data").status == 400


def test_lists_come_in_pages_and_filtered(desk: Desk) -> None:
    ids = [
        desk.ask("POST", MESSAGES, desk.new(conversationId=f"c{number % 2}")).told["id"]
        for number in range(5)
    ]
    seen: list[int] = []
    target = f"{MESSAGES}?limit=2"
    while target:
        page = desk.ask("GET", target).told
        seen += [each["id"] for each in page["messages"]]
        target = f"{MESSAGES}?limit=2&after={page['next']}" if page["next"] else ""
    assert seen == ids

    def found(query: str) -> int:
        return len(desk.ask("GET", f"{MESSAGES}?{query}").told["messages"])

    cpa_id = quote(desk.two.pair.agreement.cpa_id, safe="")
    assert (found("conversationId=c0"), found("direction=out"), found("direction=in")) == (3, 5, 0)
    assert (found("state=CREATED"), found("state=DELIVERED")) == (5, 0)
    assert (found(f"cpaId={cpa_id}"), found("cpaId=other")) == (5, 0)


def test_a_message_is_sent_again_as_a_new_one(both: tuple[Desk, Desk]) -> None:
    desk, other = both
    first = desk.ask("POST", MESSAGES, desk.new()).told
    path = f"{MESSAGES}/{first['id']}/resend"
    again = desk.ask("POST", path)
    named = desk.ask("POST", path, {"messageId": "again@example.nl"})
    repeated = desk.ask("POST", path, {"messageId": "again@example.nl"})
    assert (again.status, named.status, repeated.status) == (201, 201, 200)
    assert named.told == repeated.told
    assert len({first["messageId"], again.told["messageId"], named.told["messageId"]}) == 3
    own = desk.ask("POST", path, {"messageId": first["messageId"]})
    assert (own.status, own.check) == (409, "BACKEND-SAME")
    third = desk.ask("POST", MESSAGES, desk.new(payloads=[])).told["id"]
    clash = desk.ask("POST", f"{MESSAGES}/{third}/resend", {"messageId": "again@example.nl"})
    assert (clash.status, clash.check) == (409, "BACKEND-SAME")
    desk.two.wire.run()
    (came, *_) = other.ask("GET", f"{MESSAGES}/unprocessed").told["messages"]
    assert other.ask("POST", f"{MESSAGES}/{came['id']}/resend").status == 404


def test_what_cannot_be_taken_is_given_up(both: tuple[Desk, Desk]) -> None:
    desk, other = both
    ids = [desk.ask("POST", MESSAGES, desk.new()).told["id"] for _ in range(2)]
    desk.two.wire.run()
    first, second = other.ask("GET", f"{MESSAGES}/unprocessed").told["messages"]
    path = f"{MESSAGES}/{first['id']}/give-up"
    assert other.ask("POST", path).told == {"changed": True}
    assert other.ask("POST", path).told == {"changed": False}
    both_ids = {"ids": [second["id"], first["id"]]}
    answer = other.ask("POST", f"{MESSAGES}/processed", both_ids)
    assert (answer.status, answer.check) == (409, "BACKEND-STATE")
    # All or none.
    left = other.ask("GET", f"{MESSAGES}/unprocessed").told["messages"]
    assert [each["id"] for each in left] == [second["id"]]
    assert other.ask("POST", f"{MESSAGES}/processed", {"ids": [second["id"]]}).status == 200
    answer = other.ask("POST", f"{MESSAGES}/{second['id']}/give-up")
    assert (answer.status, answer.check) == (409, "BACKEND-STATE")
    assert desk.ask("POST", f"{MESSAGES}/{ids[0]}/give-up").status == 404


def test_events_that_the_gateway_hears_itself_cannot_be_marked(both: tuple[Desk, Desk]) -> None:
    desk, other = both
    for name in ("offered", "hidden"):
        desk.ask("POST", MESSAGES, desk.new(f"{name}@example.nl"))
    desk.two.wire.run()
    offered, hidden = (each["id"] for each in other.ask("GET", "/v1/events").told["events"])
    taking = Desk(
        other.two, other.gateway, is_taken_here=lambda row: "hidden" in row.head.key.message_id
    )

    def mark(*ids: int) -> Answer:
        return taking.ask("POST", "/v1/events/processed", {"ids": ids})

    assert [each["id"] for each in taking.ask("GET", "/v1/events").told["events"]] == [offered]
    answer = mark(offered, hidden)
    assert (answer.status, answer.check) == (409, "BACKEND-STATE")
    # All or none.
    assert [each["id"] for each in taking.ask("GET", "/v1/events").told["events"]] == [offered]
    assert mark(offered, offered, hidden + 1_000).told == {"changed": 1}
    assert mark(offered).told == {"changed": 0}
    assert [each.event_id for each in other.gateway.backend.events()] == [hidden]
    other.gateway.backend.mark_events([hidden])
    assert mark(hidden, offered).told == {"changed": 0}


def test_the_name_of_a_file_stays_in_its_header(desk: Desk) -> None:
    name = 'a"; filename=evil\\é.html'
    payloads = [{"mediaType": "text/html", "base64": "", "name": name}]
    desk.ask("POST", MESSAGES, desk.new(payloads=payloads))
    number = desk.gateway.rows()[0].ebms_id
    answer = desk.ask("GET", f"{MESSAGES}/{number}/payloads/1")
    disposition = answer.headers["content-disposition"]
    assert re.fullmatch(r"attachment; filename\*=UTF-8''[A-Za-z0-9%._~-]+", disposition)
    assert answer.headers["content-type"] == "text/html"
    bad = [{"mediaType": "text/html", "base64": "", "name": "a\r\nX: y"}]
    assert desk.ask("POST", MESSAGES, desk.new(payloads=bad)).status == 422


def test_payloads_come_inline_only_when_wanted(desk: Desk) -> None:
    number = desk.ask("POST", MESSAGES, desk.new()).told["id"]
    (there,) = desk.ask("GET", f"{MESSAGES}/{number}").told["payloads"]
    (absent,) = desk.ask("GET", f"{MESSAGES}/{number}?inline=false").told["payloads"]
    assert (there["base64"], absent["base64"]) == ("PGEvPg==", None)


# --- Questions, agreements, mistakes ------------------------------------------------------


def test_a_question_nobody_takes_is_a_gateway_timeout(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise NoAnswer("10.0.0.7: connection refused")

    monkeypatch.setattr(type(desk.two.wire), "carry", lost)
    answer = desk.ask("POST", "/v1/ping", {"cpaId": desk.two.pair.agreement.cpa_id})
    assert (answer.status, answer.check) == (504, "BACKEND-PARTNER")
    assert b"10.0.0.7" not in answer.body
    assert desk.ask("POST", "/v1/ping", {"cpaId": "none"}).status == 422


def test_a_question_without_an_answer_ends(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BACKEND_ANSWER_SECONDS", 0.01)
    monkeypatch.setattr(type(desk.gateway.service.house), "once", lambda *_: None)
    answer = desk.ask("POST", "/v1/ping", {"cpaId": desk.two.pair.agreement.cpa_id})
    assert (answer.status, answer.check) == (504, "BACKEND-PARTNER")


def test_agreements_are_listed_replaced_and_ended(desk: Desk) -> None:
    agreement = desk.two.pair.agreement
    path = f"/v1/cpas/{quote(agreement.cpa_id, safe='')}"
    octets = desk.two.pair.octets
    (row,) = desk.ask("GET", "/v1/cpas").told["cpas"]
    assert (row["cpaId"], row["problem"]) == (agreement.cpa_id, None)
    assert desk.ask("GET", path).body == octets
    judged = desk.ask("POST", "/v1/cpas/validate", octets, content_type="text/xml").told
    assert (judged["usable"], judged["cpaId"]) == (True, agreement.cpa_id)
    judged = desk.ask("POST", "/v1/cpas/validate", b"<a/>", content_type="application/xml").told
    assert (judged["usable"], judged["cpaId"]) == (False, None)
    assert desk.ask("POST", "/v1/cpas/validate").check == "BACKEND-FORM"

    assert desk.ask("DELETE", path).status == 204
    assert desk.ask("DELETE", path).status == 404
    assert desk.ask("POST", MESSAGES, desk.new()).status == 422
    assert desk.ask("PUT", path, octets, content_type="application/xml").status == 200
    assert desk.ask("POST", MESSAGES, desk.new()).status == 201
    told = {
        "cpa": base64.b64encode(octets).decode(),
        "quirks": {"signal_roles": "echoed"},
        "urls": {},
    }
    assert desk.ask("PUT", path, told).status == 200
    (row,) = desk.ask("GET", "/v1/cpas").told["cpas"]
    assert row["quirks"] == {"signal_roles": "echoed"}
    wrong = desk.ask("PUT", "/v1/cpas/other", octets, content_type="application/xml")
    assert (wrong.status, wrong.check) == (400, "BACKEND-FORM")
    assert desk.ask("PUT", path, {**told, "quirks": {"a": "b"}}).status == 422
    assert desk.ask("PUT", path, b"<a/>", content_type="application/xml").status == 422


def test_a_store_that_fails_and_a_mistake_of_ours_tell_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    work: Any = desk.resource._door.desk

    def failing(_: object) -> None:
        raise StoreFailed("/var/lib/secret is full")

    def wrong(_: object) -> None:
        raise ZeroDivisionError("999911120")

    monkeypatch.setattr(work, "operations", {"listMessages": failing, "listEvents": wrong})
    answer = desk.ask("GET", MESSAGES)
    assert (answer.status, answer.check) == (503, "BACKEND-STORE")
    assert b"secret" not in answer.body
    log = logged(lambda: desk.ask("GET", "/v1/events"))
    answer = desk.ask("GET", "/v1/events")
    assert (answer.status, answer.check) == (500, "BACKEND-OURS")
    assert b"9999" not in answer.body
    assert "ZeroDivisionError" in log
    assert "999911120" not in log
    counted = values(desk.metrics.registry)
    assert counted["backend_answered_total{operation=listEvents,status=500}"] == 2


def test_who_asks_and_what_is_logged_but_nothing_of_it(desk: Desk) -> None:
    told = desk.new(conversationId="conversation-of-999911120")
    log = logged(lambda: desk.ask("POST", MESSAGES, told, token=LESS))
    assert "'who': 'less', 'operation': 'sendMessage', 'status': 201" in log
    for secret in ("999911120", LESS, "PGEvPg", "<a/>"):
        assert secret not in log
    counted = values(desk.metrics.registry)
    assert counted["backend_answered_total{operation=sendMessage,status=201}"] == 1


def test_a_gateway_that_stops_takes_nothing_more(desk: Desk) -> None:
    desk.resource.closed = True
    answer = desk.ask("POST", MESSAGES, desk.new())
    assert (answer.status, answer.check) == (503, "BACKEND-STORE")
    assert answer.headers["retry-after"]
    assert desk.resource.drained().called


def test_an_answer_that_breaks_is_cut_off(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody takes the beginning of a payload for all of it."""
    told = desk.new()
    del told["payloads"]
    answer = desk.ask("POST", MESSAGES, form(told, b"x" * 1_000_000), content_type=FORM)
    number = answer.told["id"]
    got: Any = desk.gateway.backend.get(number)
    content = got.content.parts[0].content
    reads = iter([b"x" * 131_072])

    class Source:
        closed = False

        def read(self, _: int) -> bytes:
            try:
                return next(reads)
            except StopIteration:
                raise PayloadDamaged("damaged") from None

        def close(self) -> None:
            Source.closed = True

    monkeypatch.setattr(type(content), "open", lambda _: Source())
    channel, transport = desk.connect()
    path = f"{MESSAGES}/{number}/payloads/1"
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ALL}\r\n\r\n"
    log = logged(lambda: channel.dataReceived(head.encode()))
    answer = read(transport)
    assert answer.headers["content-length"] == "1000000"
    assert len(answer.body) == 131_072
    assert transport.disconnecting
    assert "PayloadDamaged" in log
    channel.connectionLost()
    assert Source.closed
    assert desk.resource.busy == 0
