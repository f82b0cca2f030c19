"""The OpenAPI document of the interface for applications, made of the table of operations."""

import re
from collections.abc import Mapping

import digipoort_wus
from digipoort_wus.server import backend_checks
from digipoort_wus.server.backend_shapes import Named, Shape, schema_of
from digipoort_wus.server.backend_table import (
    FORM,
    IN_PATH,
    JSON,
    NEW_AGREEMENT,
    NEW_MESSAGE,
    NEW_PAYLOAD,
    OPERATIONS,
    Needs,
    Operation,
)
from digipoort_wus.server.backend_values import NAMED, PROBLEM

PROBLEM_JSON = "application/problem+json"
_PARAMETER = re.compile(r"\{(\w+)\}")
_ALWAYS = tuple(
    check.id
    for check in (
        *(backend_checks.TOKEN, backend_checks.CLIENT, backend_checks.FORM),
        *(backend_checks.STORE, backend_checks.OURS),
    )
)
_ABOUT = """\
What an application does with ebMS messages: send, take, follow. An answer that is not 2xx is \
application/problem+json (RFC 9457) and names a check. Times are in UTC."""
_DONE = {200: "It is so.", 201: "It is kept, and sent from now on.", 204: "It is so."}


def description() -> dict[str, object]:
    """Return the document."""
    paths: dict[str, dict[str, object]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    named = {each.name: each for each in (*NAMED, NEW_MESSAGE, NEW_PAYLOAD, NEW_AGREEMENT)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ebMS of digipoort-wus, for applications",
            "version": digipoort_wus.__version__,
            "description": _ABOUT,
        },
        "paths": paths,
        "components": {
            "schemas": {name: schema_of(each.shape) for name, each in sorted(named.items())},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def checks_of(operation: Operation) -> tuple[str, ...]:
    """Return which checks an operation may name, in the order of their statuses."""
    named = {*_ALWAYS, *operation.refused}
    if operation.needs is Needs.AGREEMENTS:
        named.add(backend_checks.RIGHT.id)
    if operation.takes:
        named |= {backend_checks.TYPE.id, backend_checks.SIZE.id}
    found = [check for check in backend_checks.ALL if check.id in named]
    return tuple(check.id for check in sorted(found, key=lambda check: check.http or 0))


def _operation(operation: Operation) -> dict[str, object]:
    found: dict[str, object] = {
        "operationId": operation.name,
        "summary": operation.about,
        "parameters": [
            *(
                _parameter("path", name, IN_PATH[name])
                for name in _PARAMETER.findall(operation.path)
            ),
            *(_parameter("query", name, shape) for name, shape in operation.query.items()),
        ],
        "responses": _answers(operation),
    }
    if operation.takes:
        content = {each: _body(each, operation) for each in operation.takes}
        found["requestBody"] = {"required": _is_needed(operation), "content": content}
    return found


def _is_needed(operation: Operation) -> bool:
    shape = operation.body.shape if isinstance(operation.body, Named) else operation.body
    return shape is None or bool(getattr(shape, "needed", True))


def _body(media_type: str, operation: Operation) -> Mapping[str, object]:
    if media_type == JSON and operation.body is not None:
        return {"schema": schema_of(operation.body)}
    if media_type == FORM:
        return {
            "schema": {
                "type": "object",
                "properties": {
                    "message": {"$ref": f"#/components/schemas/{NEW_MESSAGE.name}"},
                    "payload": {"type": "array", "items": {}},
                },
                "required": ["message"],
            },
            "encoding": {"message": {"contentType": JSON}},
        }
    return {}


def _parameter(place: str, name: str, shape: Shape) -> dict[str, object]:
    schema = schema_of(shape)
    about = schema.pop("description", "")
    found = {"name": name, "in": place, "required": place == "path", "schema": schema}
    return found | ({"description": about} if about else {})


def _answers(operation: Operation) -> dict[str, object]:
    found: dict[str, object] = {}
    for status, shape in operation.answers.items():
        answer: dict[str, object] = {"description": _DONE[status]}
        if isinstance(shape, str):
            answer["content"] = {shape: {}}
        elif shape is not None:
            answer["content"] = {JSON: {"schema": schema_of(shape)}}
        found[str(status)] = answer
    if 201 in operation.answers:
        found["200"] = {**dict(_mapping(found["200"])), "description": "It was kept before."}
    by_status: dict[int, list[str]] = {}
    for check in backend_checks.ALL:
        if check.id in checks_of(operation) and check.http is not None:
            by_status.setdefault(check.http, []).append(f"{check.id}: {check.rule}")
    problem = {PROBLEM_JSON: {"schema": schema_of(PROBLEM)}}
    for refusal, rules in sorted(by_status.items()):
        found[str(refusal)] = {"description": " ".join(rules), "content": problem}
    return found


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
