"""What an answer can hold."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from digipoort_wus.filing.filing import Document, ReturnMessage
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.texts import NotSendable, require_sendable, require_text

MESSAGE = ReturnMessage(
    kenmerk="k" * 40,
    berichtkenmerk="b" * 256,
    berichtsoort="s" * 80,
    offered_at=datetime(2026, 3, 1, tzinfo=UTC),
    belanghebbende=Party("1" * 35, "t" * 20),
    rol_belanghebbende="Bedrijf",
    document=Document("text/xml", "Ωμέγα \U0001f4c4.xml", b"\x00"),
    ontvanger=Party("2", "OIN"),
    attachments=(Document("text/plain", "bijlage\ttwee", b""),),
    findings=(Finding("c", "warning", "tekst\nmet regels", "/a"),),
    elements=(("n" * 40, "v" * 255),),
)


def test_what_the_schema_allows_is_allowed() -> None:
    require_sendable(MESSAGE)


@pytest.mark.parametrize(
    ("named", "change"),
    [
        ("kenmerk", lambda m: replace(m, kenmerk="k" * 41)),
        ("berichtkenmerk", lambda m: replace(m, berichtkenmerk="\ud800")),
        ("aanleverkenmerk", lambda m: replace(m, aanleverkenmerk=7)),
        ("rolOntvanger", lambda m: replace(m, rol_ontvanger="\x00")),
        ("identiteitAanleveraar", lambda m: replace(m, aanleveraar="1" * 36)),
        ("identiteitBelanghebbende/type", lambda m: replace(m, belanghebbende=Party("1", "\x1f"))),
        ("identiteitOntvanger/nummer", lambda m: replace(m, ontvanger=Party("3" * 36, "OIN"))),
        ("bestandsnaam", lambda m: replace(m, document=Document("text/xml", "a\x0bb", b""))),
        ("mimeType", lambda m: replace(m, attachments=(Document("m" * 256, "a", b""),))),
        ("constatering/code", lambda m: replace(m, findings=(Finding("c" * 21, "info", ""),))),
        (
            "constatering/beschrijving",
            lambda m: replace(m, findings=(Finding("c", "info", "", "\ufffe"),)),
        ),
        ("naam", lambda m: replace(m, elements=(("n" * 41, ""),))),
        ("waarde", lambda m: replace(m, elements=(("n", "v" * 256),))),
    ],
)
def test_what_no_answer_can_hold_is_named_and_not_shown(
    named: str, change: Callable[[ReturnMessage], ReturnMessage]
) -> None:
    with pytest.raises(NotSendable, match=f"^{named} (is no|has)"):
        require_sendable(change(MESSAGE))


def test_a_text_has_an_end() -> None:
    require_text("x", "a" * 3, 3)
    with pytest.raises(NotSendable, match="x has more than 2 characters"):
        require_text("x", "a" * 3, 2)
