"""What an application asks: the operation of a request, its parameters, and its body, judged."""

import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote_to_bytes
from uuid import uuid4

import pybase64

from digipoort_wus import limits
from digipoort_wus.ebms.message import Payload
from digipoort_wus.ebms.mime import decoded, file_name_of, is_media_type, read_content_id
from digipoort_wus.errors import Refusal
from digipoort_wus.filing.content import Content
from digipoort_wus.server.backend_checks import FORM as WRONG
from digipoort_wus.server.backend_checks import KNOWN, METHOD, SIZE, TYPE
from digipoort_wus.server.backend_repeat import MADE
from digipoort_wus.server.backend_shapes import Shape, Text, Truth, Whole, require
from digipoort_wus.server.backend_table import FORM, IN_PATH, OPERATIONS, XML, Operation
from digipoort_wus.server.http import Head
from digipoort_wus.soap.multipart import (
    BodyPart,
    Strictness,
    read_boundary,
    read_media_type,
    split,
)

_ALSO_XML = ("text/xml", "application/xml")
_FIELD = re.compile(r';[ \t]{0,9}name=(?:"([^"\\]{1,60})"|([A-Za-z0-9]{1,60}))', re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,16}")
_TRUTHS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that is as it should be.

    Args:
        operation: which one.
        parameters: of path and query, as their shapes have them.
        body: of JSON; empty without one.
        payloads: that came as parts of a form, or in JSON.
        octets: of a body that is a document.
    """

    operation: Operation
    parameters: Mapping[str, object]
    body: Mapping[str, object] = field(default_factory=dict, repr=False)
    payloads: tuple[Payload, ...] = field(default=(), repr=False)
    octets: bytes = field(default=b"", repr=False)

    def text(self, name: str) -> str | None:
        """Return a parameter or field that is a text; None where there is none."""
        value = self.parameters.get(name, self.body.get(name))
        return value if isinstance(value, str) else None

    def number(self, name: str) -> int | None:
        """Return a parameter that is a number; None where there is none."""
        value = self.parameters.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def numbers(self, name: str) -> Sequence[int]:
        """Return a field that is a list of numbers."""
        values = self.body.get(name)
        return (
            [each for each in values if isinstance(each, int)] if isinstance(values, list) else []
        )

    def texts(self, name: str) -> Mapping[str, str]:
        """Return a field that maps names to texts."""
        values = self.body.get(name)
        pairs = values.items() if isinstance(values, dict) else ()
        return {str(key): str(value) for key, value in pairs}


def operation_of(head: Head) -> tuple[Operation, Mapping[str, object]]:
    """Return the operation of a request, and the parameters in its path.

    Raises:
        Refusal: BACKEND-KNOWN or BACKEND-METHOD, which lists the methods there are.
    """
    segments = head.path.split("/")
    method = "GET" if head.method == "HEAD" else head.method
    others: list[str] = []
    # What is spelled out goes before what is a parameter.
    for operation in sorted(OPERATIONS, key=lambda each: each.path.count("{")):
        parameters = _matched(operation.path.split("/"), segments)
        if parameters is None:
            continue
        if operation.method == method:
            return operation, parameters
        if operation.path.count("{") == 0 or not others:
            others.append(operation.method)
    if others:
        raise Refusal(METHOD, expected=", ".join(sorted(others)))
    raise Refusal(KNOWN, expected="a path of GET /v1/openapi.json")


def check_body(operation: Operation, head: Head) -> str:
    """Judge what a head says of a body, and return its media type, empty without one.

    Raises:
        Refusal: BACKEND-TYPE or BACKEND-SIZE.
    """
    if head.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Refusal(TYPE, expected="no Content-Encoding")
    length = head.headers.get("content-length", "")
    given = "transfer-encoding" in head.headers or length.strip("0") != ""
    if not given:
        return ""
    content_type = head.headers.get("content-type", "")
    read = read_media_type(content_type)
    media_type = "" if read is None else read[0]
    if media_type in _ALSO_XML and XML in operation.takes:
        media_type = XML
    if media_type not in operation.takes:
        raise Refusal(TYPE, expected=" or ".join(operation.takes) or "no body")
    most = body_max(operation, media_type)
    if length.isdecimal() and int(length) > most:
        raise Refusal(SIZE, expected=f"at most {most} bytes")
    return media_type


def body_max(operation: Operation, media_type: str) -> int:
    """Return how many octets a body may have."""
    return operation.body_max if media_type == FORM else limits.BACKEND_JSON_MAX_BYTES


def read_asked(head: Head, body: bytes) -> Asked:
    """Read a whole request; payloads of a form are views of the body.

    Raises:
        Refusal: one of :mod:`~digipoort_wus.server.backend_checks`, or MIME-FORM, MIME-LIMIT or
            EBMS-MIME-FORM for a form that cannot be read.
    """
    operation, in_path = operation_of(head)
    media_type = check_body(operation, head)
    parameters = {**in_path, **_query(operation, head.query)}
    if media_type and len(body) > body_max(operation, media_type):
        raise Refusal(SIZE, expected=f"at most {body_max(operation, media_type)} bytes")
    if media_type == XML:
        return Asked(operation, parameters, octets=body)
    if media_type == FORM:
        told, payloads = _read_form(operation, head.headers.get("content-type", ""), body)
        return Asked(operation, parameters, told, payloads)
    if XML in operation.takes and not body:
        raise _wrong("a body", "none")
    if operation.body is None:
        return Asked(operation, parameters)
    told = _read_json(body or b"{}", operation.body)
    return Asked(operation, parameters, told, _inline(told))


def octets_of(text: str, at: str) -> bytes:
    """Return the octets of a text in base64.

    Raises:
        Refusal: BACKEND-FORM.
    """
    try:
        return pybase64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _wrong(f"{at}: base64", "other text") from None


def _matched(pattern: Sequence[str], segments: Sequence[str]) -> dict[str, object] | None:
    if len(pattern) != len(segments):
        return None
    found: dict[str, object] = {}
    for wanted, given in zip(pattern, segments, strict=True):
        if not wanted.startswith("{"):
            if wanted != given:
                return None
            continue
        name = wanted.strip("{}")
        try:
            found[name] = _read_text(unquote_to_bytes(given).decode(), IN_PATH[name], name)
        except (Refusal, UnicodeDecodeError):
            # No number: nothing of that kind is here.
            return None
    return found


def _query(operation: Operation, query: str) -> dict[str, object]:
    found: dict[str, object] = {}
    try:
        pairs = parse_qsl(
            query,
            keep_blank_values=True,
            strict_parsing=bool(query),
            max_num_fields=30,
            errors="strict",
        )
    except (ValueError, UnicodeDecodeError):
        raise _wrong("a query of name=value", "another") from None
    for name, text in pairs:
        if name not in operation.query:
            known = ", ".join(operation.query) or "none"
            raise _wrong(f"parameters of the query: {known}", "another")
        if name in found:
            raise _wrong(f"{name} once", "twice")
        found[name] = _read_text(text, operation.query[name], name)
    return found


def _read_text(text: str, shape: Shape, name: str) -> object:
    value: object = text
    if isinstance(shape, Whole) and _NUMBER.fullmatch(text):
        value = int(text)
    elif isinstance(shape, Truth):
        value = _TRUTHS.get(text, text)
    elif isinstance(shape, Text) and not text:
        raise _wrong(f"{name}: a text", "an empty one")
    require(value, shape, name)
    return value


def _read_json(body: bytes, shape: Shape) -> dict[str, object]:
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant
        )
    except (ValueError, RecursionError):
        # Why it cannot be read would repeat some of it.
        raise _wrong("JSON in UTF-8, each name once in its object", "something else") from None
    require(value, shape)
    return dict(value)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _no_constant(_: str) -> object:
    raise ValueError


def _inline(told: Mapping[str, object]) -> tuple[Payload, ...]:
    rows = told.get("payloads")
    found = []
    for number, row in enumerate(rows if isinstance(rows, list) else ()):
        at = f"the body.payloads[{number}]"
        content = octets_of(row["base64"], f"{at}.base64")
        content_id = row.get("contentId")
        found.append(_payload(content_id, row["mediaType"], content, row.get("name"), at))
    return tuple(found)


def _payload(
    content_id: str | None, media_type: str, content: Content, name: str | None, at: str
) -> Payload:
    if not is_media_type(media_type):
        raise _wrong(f"{at}: a media type", "another text")
    if content_id is not None and read_content_id(f"<{content_id}>") != content_id:
        raise _wrong(f"{at}: a Content-ID without brackets", "another text")
    return Payload(content_id or f"{uuid4()}{MADE}", media_type, content, name)


def _read_form(
    operation: Operation, content_type: str, body: bytes
) -> tuple[dict[str, object], tuple[Payload, ...]]:
    read = read_media_type(content_type)
    boundary = None if read is None else read_boundary(read[1])
    if boundary is None or operation.body is None:
        raise _wrong("a boundary in the Content-Type", "none that can be used")
    parts = split(
        memoryview(body), boundary, most=limits.EBMS_MAX_PARTS, strictness=Strictness.LENIENT
    )
    told: dict[str, object] | None = None
    payloads: list[Payload] = []
    for number, part in enumerate(parts):
        match _field_of(part):
            case "message" if told is None:
                octets = bytes(part.octets[: limits.BACKEND_JSON_MAX_BYTES + 1])
                if len(octets) > limits.BACKEND_JSON_MAX_BYTES:
                    raise Refusal(SIZE, expected="a smaller part message")
                told = _read_json(octets, operation.body)
            case "payload":
                payloads.append(_part(part, f"part {number + 1}"))
            case _:
                raise _wrong("one part message, and parts payload", "another part")
    if told is None or "payloads" in told:
        raise _wrong("a part message, without payloads", "another")
    return told, tuple(payloads)


def _field_of(part: BodyPart) -> str:
    found = _FIELD.search(part.headers.get("content-disposition", ""))
    return "" if found is None else found[1] or found[2]


def _part(part: BodyPart, at: str) -> Payload:
    stated = part.headers.get("content-id")
    content_id = None if stated is None else read_content_id(stated)
    if stated is not None and content_id is None:
        raise _wrong(f"{at}: a Content-ID", "another text")
    media_type = part.headers.get("content-type", "application/octet-stream")
    return _payload(content_id, media_type, decoded(part, at=at), file_name_of(part), at)


def _wrong(expected: str, received: str) -> Refusal:
    return Refusal(WRONG, expected=expected, received=received)
