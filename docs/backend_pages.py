"""The reference of the interface for applications: a page, and the OpenAPI document."""

import json

from tables import page, table

from digipoort_wus.server import backend_checks
from digipoort_wus.server.backend_openapi import checks_of, description
from digipoort_wus.server.backend_table import OPERATIONS, Needs, Operation

_BEGIN = """\
What an application does with messages of ebMS, over HTTP and JSON:
[how to use it](../how-to/ebms-backend.md). The same in OpenAPI 3.1, with every field:
[ebms-backend.json](ebms-backend.json); a gateway serves it at `GET /v1/openapi.json`.

What GET answers HEAD does, too. Each operation needs a token, and
"""
_CHECKS = """\
Everything else than these statuses is a problem (RFC 9457) that names a check. Checks of HTTP, such
as `HTTP-SIZE`, and of forms, such as `MIME-FORM`, are those of the [gateway](checks.md).
"""


def backend_page() -> str:
    """Return the page of all operations and of the checks of the interface."""
    rows = (
        (
            f"`{each.method} {each.path}`",
            each.about,
            ", ".join(f"`{name}`" for name in each.query),
            ", ".join(_body(each)),
            ", ".join(f"{status}" for status in each.answers),
        )
        for each in OPERATIONS
    )
    changing = [f"`{each.name}`" for each in OPERATIONS if each.needs is Needs.AGREEMENTS]
    parts = [
        f"{_BEGIN}{' and '.join(changing)} one whose row says `agreements = true`.",
        "## Operations",
        table(("request", "meaning", "query", "body", "status"), rows),
        "## Checks",
        _CHECKS,
        table(
            ("check", "status", "what has to hold", "operations"),
            (
                (f"`{check.id}`", str(check.http), check.rule, _named(check.id))
                for check in backend_checks.ALL
            ),
        ),
    ]
    return page("Interface for applications", "`digipoort_wus/server/backend_table.py`", parts)


def backend_document() -> str:
    """Return the OpenAPI document."""
    return json.dumps(description(), indent=1, ensure_ascii=False) + "\n"


def _body(operation: Operation) -> list[str]:
    return [f"`{each}`" for each in operation.takes]


def _named(check: str) -> str:
    found = [each.name for each in OPERATIONS if check in checks_of(each)]
    every = len(found) in (0, len(OPERATIONS))
    return "all" if every else ", ".join(f"`{name}`" for name in found)
