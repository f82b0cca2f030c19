"""Whatever an application sends is read as one thing, or refused: nothing else happens."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.errors import Refusal
from digipoort_wus.server.backend_asking import Asked, read_asked
from digipoort_wus.server.backend_table import FORM, JSON, OPERATIONS, XML
from digipoort_wus.server.http import Head

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
_FIELDS = st.sampled_from(
    ["cpaId", "service", "action", "ids", "payloads", "messageId", "from", "cpa", "quirks", "x"]
)
_BODIES = (
    st.binary(max_size=60)
    | st.dictionaries(_FIELDS, _JSON, max_size=5).map(lambda told: json.dumps(told).encode())
    | st.binary(max_size=40).map(
        lambda octets: (
            b'--X\r\nContent-Disposition: form-data; name="message"\r\n\r\n' + octets + b"\r\n--X--"
        )
    )
)
_TYPES = st.sampled_from([JSON, XML, f"{FORM}; boundary=X", FORM, "", "text/plain"])
_PATHS = st.sampled_from([each.path for each in OPERATIONS]).map(
    lambda path: path.replace("{id}", "1").replace("{number}", "2").replace("{cpaId}", "a%2Fb")
) | st.text(st.characters(max_codepoint=255), max_size=30)
_QUERIES = st.text(st.characters(max_codepoint=255), max_size=30) | st.sampled_from(
    ["limit=1", "after=0&limit=10", "direction=in", "inline=false", "limit=1&limit=1", "&&", "=1"]
)


def ask(method: str, path: str, query: str, content_type: str, body: bytes) -> Asked:
    length = {"content-length": str(len(body)), "content-type": content_type}
    return read_asked(Head(method, path, query, length), body)


@given(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", ""]),
    _PATHS,
    _QUERIES,
    _TYPES,
    _BODIES,
)
def test_a_request_is_read_or_refused(
    method: str, path: str, query: str, content_type: str, body: bytes
) -> None:
    statuses: list[int] = []
    try:
        asked = ask(method, path, query, content_type, body)
    except Refusal as refusal:
        statuses.append(refusal.check.http or 400)
    else:
        assert asked.operation.method in (method, "GET")
    assert all(400 <= status < 500 for status in statuses)


def test_a_path_is_decoded_once() -> None:
    assert ask("GET", "/v1/cpas/a%252Fb%20c", "", "", b"").text("cpaId") == "a%2Fb c"
    assert ask("GET", "/v1/messages/unprocessed", "", "", b"").operation.name == "listUnprocessed"
    with pytest.raises(Refusal, match="BACKEND-KNOWN"):
        ask("GET", "/v1/cpas/", "", "", b"")


def test_a_chosen_content_id_stays_and_others_are_made() -> None:
    told = {
        "cpaId": "c",
        "service": {"value": "s"},
        "action": "a",
        "payloads": [
            {"mediaType": "a/b", "base64": "", "contentId": "one@example.nl"},
            {"mediaType": "a/b", "base64": "eA=="},
        ],
    }
    asked = ask("POST", "/v1/messages", "", JSON, json.dumps(told).encode())
    first, second = asked.payloads
    assert (first.content_id, first.content, second.content) == ("one@example.nl", b"", b"x")
    assert second.content_id.endswith("@payload")
    assert (
        second.content_id
        != ask("POST", "/v1/messages", "", JSON, json.dumps(told).encode()).payloads[1].content_id
    )


def test_a_part_of_a_form_may_say_its_content_id() -> None:
    head = b'--X\r\nContent-Disposition: form-data; name="'
    message = b'message"\r\n\r\n{"cpaId": "c", "action": "a", "service": {"value": "s"}}\r\n'
    part = b'payload"\r\nContent-ID: <one@example.nl>\r\nContent-Type: a/b; c="d"\r\n\r\nx\r\n'
    form = f"{FORM}; boundary=X"
    (payload,) = ask(
        "POST", "/v1/messages", "", form, head + message + head + part + b"--X--"
    ).payloads
    assert (payload.content_id, payload.media_type) == ("one@example.nl", 'a/b; c="d"')
    assert (payload.content, payload.name) == (b"x", None)
    for bad in (part.replace(b"<one@", b"<o ne@"), part.replace(b"a/b", b"ab"), message):
        with pytest.raises(Refusal):
            ask("POST", "/v1/messages", "", form, head + message + head + bad + b"--X--")
