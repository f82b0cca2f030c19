"""A message whose long contents were cut out before the parse is the message as it came."""

import base64
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from digipoort_wus import limits
from digipoort_wus.errors import Refusal
from digipoort_wus.names import ECHO, SOAP, TYPES
from digipoort_wus.process.signed import SignedRequest, read_signed
from digipoort_wus.server import received
from digipoort_wus.server.contents import take_contents
from digipoort_wus.server.received import Received, read_as_signed, read_message
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.xmlsafe.c14n import canonicalize
from digipoort_wus.xmlsafe.cut import cut_out, long_texts
from digipoort_wus.xmlsafe.lookover import Unparsed, look_over
from digipoort_wus.xmlsafe.parse import parse_message, parse_unparsed
from digipoort_wus.xmlsafe.splice import LIFT_FROM, LargeTexts

LARGE = bytes(range(256)) * 300
TEXT = base64.b64encode(LARGE).decode()
Seen = tuple[bytes, tuple[bytes, ...] | Refusal] | Refusal
"""The canonical form and the contents, or what was refused."""


def filing(inhoud: str, *, before: str = "", attachment: str = "") -> bytes:
    return (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:t="{TYPES}"><s:Header/><s:Body>{before}'
        f"<t:aanleverenRequest><t:berichtInhoud><t:inhoud>{inhoud}</t:inhoud></t:berichtInhoud>"
        f"<t:berichtBijlagen><t:bijlage><t:inhoud>{attachment}</t:inhoud></t:bijlage>"
        "</t:berichtBijlagen></t:aanleverenRequest></s:Body></s:Envelope>"
    ).encode()


def read(octets: bytes) -> Seen:
    """Return all that later code gets to see of a message."""
    try:
        envelope, texts = read_message(Received(look_over(octets), len(octets)))
    except Refusal as refusal:
        return refusal
    return _seen(envelope.root, envelope.body_child, texts)


def read_whole(octets: bytes) -> Seen:
    """Return the same of a message that was parsed as it came, with all of it in the tree."""
    try:
        envelope = read_envelope(parse_message(octets))
    except Refusal as refusal:
        return refusal
    return _seen(envelope.root, envelope.body_child, LargeTexts(None))


def _seen(root: etree._Element, body_child: etree._Element, texts: LargeTexts) -> Seen:
    try:
        canonical = b"".join(texts.octets(root))
    except Refusal as refusal:
        return refusal
    try:
        return canonical, take_contents(body_child, texts)
    except Refusal as refusal:
        return canonical, refusal


def same(one: object, other: object) -> bool:
    """Compare values, and refusals by what they tell."""
    if isinstance(one, Refusal) and isinstance(other, Refusal):
        return (one.check, one.expected, one.received) == (
            *(other.check, other.expected),
            other.received,
        )
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def is_cut(octets: bytes) -> bool:
    """Return whether the parser sees less of a message than there is."""
    seen: list[int] = []
    with pytest.MonkeyPatch.context() as patch:

        def parsed(message: Unparsed) -> object:
            data = message.take()
            seen.append(len(data))
            return parse_unparsed(
                Unparsed(
                    data,
                    names=None,
                    remarkable=message.remarkable,
                    max_elements=message.max_elements,
                )
            )

        patch.setattr(received, "parse_unparsed", parsed)
        read(octets)
    return len(seen) == 1 and seen[0] < len(octets)


def lines(end: str) -> Callable[[str], str]:
    return lambda text: end.join(text[at : at + 76] for at in range(0, len(text), 76))


CUT: dict[str, Callable[[str], str]] = {
    "plain": str,
    "lines": lines("\n"),
    "tabs": lines("\t"),
    "around": lambda text: f"\n\t {text} \n",
    "other last bits": lambda text: text[:-4] + "QR==",
}
NOT_CUT: dict[str, Callable[[str], str]] = {
    "CRLF": lines("\r\n"),
    "CR": lambda text: f"{text}\r",
    "reference": lambda text: f"{text}&#13;\n",
    "entity": lambda text: f"{text}&amp;",
    "CDATA": lambda text: f"<![CDATA[{text}]]>",
    "control": lambda text: f"{text}\x01",
    "NUL": lambda text: f"{text}\0AAA",
    "other letter": lambda text: f"{text}é",
    "hyphen": lambda text: f"{text}-AAA",
    "end of CDATA": lambda text: f"{text}]]>",
    "padding within": lambda text: f"QQ=={text}",
    "a character less": lambda text: text[1:],
    "comment": lambda text: f"{text}<!-- -->",
    "instruction": lambda text: f"<?a?>{text}",
    "too long": lambda _: "A" * (limits.INHOUD_MAX_BYTES // 3 * 4 + 8),
}


@pytest.mark.parametrize("change", CUT.values(), ids=CUT)
def test_base64_is_cut_out(change: Callable[[str], str]) -> None:
    octets = filing(change(TEXT), attachment=change(TEXT))
    assert is_cut(octets)
    assert same(read(octets), read_whole(octets))


@pytest.mark.parametrize("change", NOT_CUT.values(), ids=NOT_CUT)
def test_what_the_parser_may_read_otherwise_is_left_to_it(change: Callable[[str], str]) -> None:
    octets = filing(change(TEXT))
    assert not is_cut(octets)
    assert same(read(octets), read_whole(octets))


@pytest.mark.parametrize("octet", range(128))
def test_each_octet_is_judged_as_by_the_parser(octet: int) -> None:
    octets = filing(TEXT.replace("/", "/" * 4)[: len(TEXT)] + chr(octet) + "AAA")
    assert same(read(octets), read_whole(octets))


PLACES = {
    "two places": filing(TEXT, attachment=TEXT),
    "one cut, one not": filing(TEXT, attachment=TEXT + "&#13;"),
    "one long, one short": filing("QQ==", attachment=TEXT),
    "a child behind": filing(f"{TEXT}<t:a/>"),
    "a child before": filing(f"<t:a/>{TEXT}"),
    "between two children": filing(f"<t:a/>{TEXT}<t:a/>"),
    "no place of the contract": filing("QQ==").replace(
        b"<t:aanleverenRequest>", f"<t:aanleverenRequest><t:inhoud>{TEXT}</t:inhoud>".encode()
    ),
    "a header": filing("QQ==").replace(
        b"<s:Header/>", f"<s:Header><t:inhoud>{TEXT}</t:inhoud></s:Header>".encode()
    ),
    "behind the body's child": filing("QQ==", before=f"<t:inhoud>{TEXT}</t:inhoud>"),
    "an end within a value": filing(TEXT).replace(
        b"<t:inhoud>", f'<t:inhoud x="/>{"A" * 90}">'.encode(), 1
    ),
    "a value like a text": filing(TEXT).replace(b"<t:inhoud>", b'<t:inhoud x=">">', 1),
    "another end tag": filing(TEXT).replace(b"</t:inhoud>", b"</t:inhout>", 1),
    "no end": filing(TEXT)[:-20],
    "an undeclared prefix": filing(TEXT).replace(b"</t:ber", b"<u:a/></t:ber", 1),
    "text behind the root": filing(TEXT) + b"A",
    "two roots": filing(TEXT) + filing(TEXT),
    "a declaration": b'<?xml version="1.0" encoding="UTF-8"?>\n' + filing(TEXT),
    "version 1.1": b'<?xml version="1.1"?>\n' + filing(TEXT),
    "a mark": b"\xef\xbb\xbf" + filing(TEXT),
    "no text at all": TEXT.encode(),
    "two children of the body": filing(TEXT, before="<t:a/>"),
    "an echo": (
        f'<s:Envelope xmlns:s="{SOAP}"><s:Body><echo xmlns="{ECHO}"><data>{TEXT}</data></echo>'
        "</s:Body></s:Envelope>"
    ).encode(),
}


@pytest.mark.parametrize("octets", PLACES.values(), ids=PLACES)
def test_wherever_it_stands(octets: bytes) -> None:
    assert same(read(octets), read_whole(octets))


base64_texts = st.text("ABab01+/ \n\t", max_size=12).map(
    lambda text: text + "A" * (-len("".join(text.split())) % 4)
)
pieces = st.one_of(
    base64_texts,
    base64_texts,
    base64_texts,
    st.sampled_from(["<t:a>", "</t:a>", "<t:a/>", "<t:inhoud>", "</t:inhoud>", "</s:Body>"]),
    st.sampled_from(["&#13;", "&amp;", "<![CDATA[", "]]>", "<!--", "-->", "<?a", "?>", ">", "<"]),
    st.sampled_from(['"', "'", ' x="', "\r", "\r\n", "\n", "\x01", "é", "=", "-", "QR=="]),
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(base64_texts, min_size=1, max_size=4) | st.lists(pieces, max_size=8),
    st.lists(pieces, max_size=4),
    st.none() | st.integers(0, 400),
)
def test_any_text_is_read_as_it_came(first: list[str], second: list[str], at: int | None) -> None:
    """With a small message that is treated as a large one."""
    octets = filing("A" * 8 + "".join(first), attachment="".join(second))
    if at is not None:
        octets = octets[:at] + "".join(second).encode() + octets[at:]
    assert same(read_as_large(octets), read_whole(octets))


def read_as_large(octets: bytes) -> Seen:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(received, "LIFT_FROM", 8)
        try:
            looked = look_over(octets)
            large = Unparsed(
                looked.take(),
                names=None,
                remarkable=any(octets.find(mark, 1) > 0 for mark in (b"<!", b"<?")),
                max_elements=looked.max_elements,
            )
            envelope, texts = read_message(Received(large, len(octets)))
        except Refusal as refusal:
            return refusal
        return _seen(envelope.root, envelope.body_child, texts)


def test_what_is_cut_is_no_copy_and_comes_back() -> None:
    octets = filing(TEXT, attachment=TEXT)
    found = list(long_texts(octets, at_least=LIFT_FROM))
    assert [bytes(text.octets) for text in found] == [TEXT.encode()] * 2
    assert all(text.octets.obj is octets for text in found)
    short, marks = cut_out(octets, found)
    for mark in marks:
        assert short.count(mark.encode()) == 1
        short = short.replace(mark.encode(), TEXT.encode())
    assert short == octets


def test_marks_are_new_for_each_message() -> None:
    octets = filing(TEXT)
    found = list(long_texts(octets, at_least=LIFT_FROM))
    assert len({cut_out(octets, found)[1] for _ in range(50)}) == 50


KNOWN = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    "octets",
    [
        filing(f"{KNOWN}000000", attachment=TEXT),
        filing(TEXT, attachment=f"{KNOWN}000000"),
        filing(f"{TEXT}<t:inhoud>{KNOWN}000000</t:inhoud>"),
    ],
    ids=["before", "behind", "within"],
)
def test_a_mark_that_somebody_knew_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch, octets: bytes
) -> None:
    """Nobody can; and if the random numbers were broken, the message is parsed as it came."""
    monkeypatch.setattr("secrets.token_hex", lambda _: KNOWN)
    assert not is_cut(octets)
    monkeypatch.undo()
    assert same(read(octets), read_whole(octets))


def test_the_canonical_form_is_of_what_was_written() -> None:
    """Base64 may be written in several ways; a digest is of the one that was sent."""
    octets = filing(TEXT[:-4] + "QR==")
    root = parse_message(octets)
    envelope, texts = read_message(Received(look_over(octets), len(octets)))
    assert b"QR==" in b"".join(texts.octets(envelope.root))
    texts.restore()
    assert canonicalize(envelope.root) == canonicalize(root)


LINES = "\n".join(TEXT[at : at + 76] for at in range(0, len(TEXT), 76))


@pytest.mark.parametrize(
    ("octets", "kept"),
    [
        (filing("QUFB"), 1_000),
        (filing(TEXT), 1_000),
        (filing("QUFB", attachment=TEXT), 1_000),
        (filing(TEXT, attachment=TEXT), 1_000),
        # What is another base64 than the one that would be made is kept as it came.
        (filing(TEXT[:-4] + "QR=="), len(TEXT) + 1_000),
        (filing(LINES), len(LINES) + 1_000),
        (filing(LINES.replace("\n", "\r\n")), len(LINES) + 3_000),
    ],
    ids=["small", "large", "attachment", "both", "bits", "lines", "CR"],
)
def test_a_message_is_shown_again_as_it_came(octets: bytes, kept: int) -> None:
    message = read_as_signed(Received(look_over(octets), len(octets)))
    contents = take_contents(message.envelope.body_child, message.texts)
    request = SignedRequest(message.pieces, contents)
    assert read_signed(request.kept(), contents).read() == octets
    assert len(request.kept()) < kept
