"""What signers digest by mistake, where texts are concerned: line ends, encodings, base64, times.

Every function yields the octets that one mistake would lead to, the most frequent first.
"""

import html
import re
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import product

from lxml import etree

from digipoort_wus.clock import parse_date_time
from digipoort_wus.names import WSU
from digipoort_wus.wss.causes.part import SPACES, Part, Try, change_texts, plain
from digipoort_wus.wss.causes.render import escape_text, escape_value

_CREATED, _EXPIRES = f"{{{WSU}}}Created", f"{{{WSU}}}Expires"
_LEAVES = 6
"""Long texts of one part that are tried one by one."""
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{40,}={0,2}\s*")


def line_ends(part: Part) -> Iterator[Try]:
    """It was signed with other line ends than an XML parser reads."""
    if b"\n" in part.octets:
        yield plain(part.octets.replace(b"\n", b"&#xD;\n"))
        yield plain(part.octets.replace(b"\n", b"\r\n"), "not canonical")
        leaves = part.copy()
        change_texts(leaves, lambda text: text.replace("\n", "\r\n"))
        yield part.written(leaves, "in texts only")
        yield plain(part.octets.replace(b"\n", b"&#xD;"), "CR only")
    if b"&#xD;" in part.octets:
        yield plain(part.octets.replace(b"&#xD;\n", b"\n"), "LF was signed")
        yield plain(part.octets.replace(b"&#xD;", b""), "LF was signed")
        yield plain(part.octets.replace(b"&#xD;", b"\n"), "LF was signed")


def other_encodings(part: Part) -> Iterator[Try]:
    """UTF-16 and the like; texts that were read in one encoding and written in another."""
    text = part.octets.decode("utf-8", "surrogatepass")
    for name in ("utf-16-le", "utf-16-be", "utf-16", "utf-32-le", "latin-1", "cp1252"):
        try:
            yield plain(text.encode(name), name)
        except UnicodeEncodeError:
            continue
    if text.isascii():
        return
    for name in ("cp1252", "latin-1"):
        for there, back in ((name, "utf-8"), ("utf-8", name)):
            try:
                changed = text.encode(there).decode(back)
            except UnicodeError:
                continue
            yield plain(changed.encode("utf-8"), f"{back} text was read as {there}")
    yield plain(text.encode("ascii", "xmlcharrefreplace"), "character references")
    yield plain(text.encode("ascii", "replace"), "question marks")
    yield plain(unicodedata.normalize("NFC", text).encode(), "Unicode NFC")
    yield plain(unicodedata.normalize("NFD", text).encode(), "Unicode NFD")


def otherwise_escaped(part: Part) -> Iterator[Try]:
    """Texts were escaped once too often, or not."""
    for change, detail in (
        (html.unescape, "once more after signing"),
        (escape_text, "once less after signing"),
        (partial(html.escape, quote=True), "once less after signing"),
        (escape_value, "once less after signing"),
    ):
        copy = part.copy()
        change_texts(copy, change)
        yield part.written(copy, detail)


def otherwise_wrapped(part: Part) -> Iterator[Try]:
    """Base64 in other lines."""
    texts = [element for element in part.element.iter(etree.Element) if _is_base64(element)]
    for number in range(min(len(texts), _LEAVES)):
        for width, end, last in product((0, 76, 64), ("\n", "\r\n"), (False, True)):
            if not width and (end, last) != ("\n", False):
                continue
            copy = part.copy()
            leaf = [element for element in copy.iter(etree.Element) if _is_base64(element)][number]
            compact = "".join((leaf.text or "").split())
            lines = [compact[i : i + width] for i in range(0, len(compact), width or len(compact))]
            leaf.text = end.join(lines) + (end if last else "")
            ends = "CRLF" if end == "\r\n" else "LF"
            yield part.written(copy, f"lines of {width}, {ends}" if width else "one line")


def otherwise_trimmed(part: Part) -> Iterator[Try]:
    """White space around texts."""
    copy = part.copy()
    change_texts(copy, lambda text: text.strip(SPACES))
    yield part.written(copy, "it was not there")
    leaves = [element for element in part.element.iter(etree.Element) if not len(element)]
    longest = sorted(leaves, key=lambda leaf: len(leaf.text or ""), reverse=True)[:_LEAVES]
    for leaf in longest:
        number = list(part.element.iter(etree.Element)).index(leaf)
        for before, behind in (("", "\n"), ("\n", "\n"), ("", "\r\n"), ("", " "), (" ", " ")):
            copy = part.copy()
            element = list(copy.iter(etree.Element))[number]
            element.text = f"{before}{element.text or ''}{behind}"
            yield part.written(copy, f"around the text of {etree.QName(leaf).localname}")


def other_timestamps(part: Part) -> Iterator[Try]:
    """Created and Expires in other forms of the same time, or some hours apart."""
    fields = [child for child in part.element if child.tag in (_CREATED, _EXPIRES)]
    if part.element.tag != f"{{{WSU}}}Timestamp" or not fields:
        return
    try:
        moments = [parse_date_time(child.text or "") for child in fields]
    except ValueError:
        return
    lives = (None, 60, 120, 300, 600, 900, 1800, 3600)
    for hours, digits, zone, life in product((0, 1, 2, -1, -2), (3, 0, 6, 7), ("Z", ""), lives):
        copy = part.copy()
        changed = [child for child in copy if child.tag in (_CREATED, _EXPIRES)]
        values = [moment + timedelta(hours=hours) for moment in moments]
        if life is not None and len(values) == 2:
            values[1] = values[0] + timedelta(seconds=life)
        for child, moment in zip(changed, values, strict=True):
            whole = f"{moment:%Y-%m-%dT%H:%M:%S}"
            fraction = f"{moment.microsecond:06d}0"[:digits]
            child.text = f"{whole}.{fraction}{zone}" if digits else f"{whole}{zone}"
        yield part.written(copy, "other time" if hours or life is not None else "other form")


def _is_base64(element: etree._Element) -> bool:
    return not len(element) and _BASE64.fullmatch(element.text or "") is not None
