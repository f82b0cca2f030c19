"""The filing rules about octets and characters: FR-NL-1.01, 1.02, 1.04, 1.05 and 2.06.

They are about what was written, so they are judged before a parser sees it: of a reference to
a character, or of a CDATA section, a parser leaves no trace.
"""

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping

from digipoort_wus.rules.model import Hit
from digipoort_wus.rules.subject import Subject

CODES = ("FR-NL-1.01", "FR-NL-1.02", "FR-NL-1.04", "FR-NL-1.05", "FR-NL-2.06")
PLACES_MAX = 7
"""Different characters, or references, that are told of."""
# Basic Latin, Latin-1 Supplement and Currency Symbols. Latin-1 begins at U+00A0: what Windows
# puts below it is no character of that block. Of the others below U+0020 the parser tells.
_ALLOWED = "\0-\x7f\xa0-\xff\u20a0-\u20cf"
# A reference to one of these is allowed, in figures; of more figures than this none is.
_FIGURES = 1000
_DECIMAL = (
    r"0{0,990}(?:9|10|13|3[2-9]|[4-9][0-9]|1[01][0-9]|12[0-7]|1[6-9][0-9]|2[0-4][0-9]|25[0-5]"
    r"|835[2-9]|83[6-9][0-9])"
)
_HEXADECIMAL = r"0{0,990}(?:9|[AaDd]|[2-7A-Fa-f][0-9A-Fa-f]|20[A-Ca-c][0-9A-Fa-f])"
_REFERENCE_MAX = _FIGURES + 24
_REFERENCE = (
    rf"&(?!(?:lt|gt|amp|apos|quot|\#{_DECIMAL}|\#[Xx]{_HEXADECIMAL});)"
    rf"(?:\#([0-9]{{1,{_FIGURES}}});|\#[Xx]([0-9A-Fa-f]{{1,{_FIGURES}}});|[^\W\d][\w.:-]*;"
    rf"|\#[Xx]?[0-9A-Fa-f]{{{_FIGURES + 1}}})"
)
_UNFINISHED = re.compile(r"&[#\w.:-]*\Z")
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# How "<" looks in an encoding that has no mark.
_UNMARKED = (
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_MARK_MAX = 4
_HEAD = 1024
_DECLARED = re.compile(r"""<\?xml\s[^>]*?\sencoding\s*=\s*["']([^"']*)["']""")
_CDATA_END = "]]>"


class Characters:
    """Implements :class:`~digipoort_wus.rules.model.OctetReader` for these rules."""

    def __init__(self, _: Subject) -> None:
        self._begin = b""
        self._codec = ""
        self._marked = False
        self._decoder: codecs.IncrementalDecoder | None = None
        self._undecodable = ""
        self._head = ""
        self._carry = ""
        self._line = 1
        self._characters: dict[str, int] = {}
        self._references: dict[str, int] = {}
        self._forbidden = _forbidden("")
        self._forbidden_reference = _forbidden_reference(())
        self._cdata_end = 0

    def read(self, piece: bytes) -> None:
        """See the next octets."""
        if not self._codec:
            self._begin += piece
            if len(self._begin) < _MARK_MAX:
                return
            piece = self._recognise()
        self._see(self._decoded(piece, final=False))

    def hits(self) -> Iterator[Hit]:
        """Say what was found."""
        rest = b"" if self._codec else self._recognise()
        self._see(self._decoded(rest, final=True))
        declared = _declared(self._head)
        if self._marked:
            yield Hit("FR-NL-1.01")
        if foreign := self._foreign(declared):
            yield Hit("FR-NL-1.05", {"found": foreign})
        if foreign and self._codec.startswith("utf-8"):
            # Which characters the octets stand for, is not known.
            self._characters.clear()
        yield from _each("FR-NL-1.02", self._characters)
        yield from _each("FR-NL-1.04", self._references)
        if self._cdata_end:
            yield Hit("FR-NL-2.06", {"line": str(self._cdata_end)}, line=self._cdata_end)

    def _recognise(self) -> bytes:
        """Find out what the octets are decoded with, and return those that were kept for it."""
        begin, self._begin = self._begin, b""
        self._marked = any(begin.startswith(mark) for mark, _ in _MARKS)
        signs = (*_MARKS, *_UNMARKED)
        self._codec = next((codec for sign, codec in signs if begin.startswith(sign)), "utf-8")
        self._decoder = codecs.getincrementaldecoder(self._codec)("strict")
        return begin

    def _foreign(self, declared: str) -> str:
        """Return what the encoding is when it is not UTF-8."""
        if not self._codec.startswith("utf-8"):
            return self._codec[:6].upper()
        return declared if declared.lower() not in ("", "utf-8") else self._undecodable

    def _decoded(self, piece: bytes, *, final: bool) -> str:
        if self._decoder is None:
            return ""
        try:
            return self._decoder.decode(piece, final)
        except UnicodeDecodeError as error:
            self._undecodable = f"0x{error.object[error.start]:02X}"
        if not self._codec.startswith("utf-8"):
            self._decoder = None
            return ""
        # The other rules are about characters that are the same in all that looks like ASCII.
        self._decoder = codecs.getincrementaldecoder("latin-1")()
        return self._decoder.decode(piece, final)

    def _see(self, new: str) -> None:
        text = self._carry + new
        if len(self._head) < _HEAD:
            self._head += new[:_HEAD]
        if not (self._undecodable or text.isascii()):
            self._look_at_characters(text)
        if "&" in text:
            self._look_at_references(text)
        if not self._cdata_end and (at := text.find(_CDATA_END)) >= 0:
            self._cdata_end = self._line_of(text, at)
        kept = _unfinished(text)
        self._line += text.count("\n", 0, len(text) - kept)
        self._carry = text[len(text) - kept :]

    def _look_at_characters(self, text: str) -> None:
        at = 0
        while len(self._characters) < PLACES_MAX and (match := self._forbidden.search(text, at)):
            at = match.start()
            self._note_character(match.group(), self._line_of(text, at))

    def _look_at_references(self, text: str) -> None:
        at = 0
        while len(self._references) < PLACES_MAX and (
            match := self._forbidden_reference.search(text, at)
        ):
            at = match.end()
            line = self._line_of(text, match.start())
            self._references[match.group()] = line
            self._forbidden_reference = _forbidden_reference(self._references)
            if (character := _meant(match)) and _forbidden("").match(character):
                self._note_character(character, line)

    def _note_character(self, character: str, line: int) -> None:
        self._characters[character] = min(line, self._characters.get(character, line))
        # The search goes on for others.
        self._forbidden = _forbidden("".join(self._characters))

    def _line_of(self, text: str, at: int) -> int:
        return self._line + text.count("\n", 0, at)


def _forbidden(but: str) -> re.Pattern[str]:
    return re.compile(f"[^{_ALLOWED}{re.escape(but)}]")


def _forbidden_reference(but: Iterable[str]) -> re.Pattern[str]:
    known = "".join(f"(?!{re.escape(one)})" for one in but)
    return re.compile(f"{known}{_REFERENCE}")


def _meant(match: re.Match[str]) -> str:
    """Return the character that a reference in figures stands for."""
    decimal, hexadecimal = match.groups()
    number = int(decimal) if decimal else int(hexadecimal or "0", 16)
    # Nobody means a character that does not exist.
    return chr(number) if 0 < number <= 0x10FFFF else ""


def _unfinished(text: str) -> int:
    """Return how many characters at the end may be the begin of something."""
    begin = text.rfind("&", max(0, len(text) - _REFERENCE_MAX))
    if begin >= 0 and _UNFINISHED.match(text, begin):
        return len(text) - begin
    return min(len(text), len(_CDATA_END) - 1)


def _declared(head: str) -> str:
    match = _DECLARED.match(head)
    return match.group(1) if match else ""


def _each(code: str, lines: Mapping[str, int]) -> Iterator[Hit]:
    for found, line in sorted(lines.items(), key=lambda each: (each[1], each[0])):
        shown = found
        if len(found) == 1:
            name = f"U+{ord(found):04X}"
            shown = f"{found} ({name})" if found.isprintable() else name
        yield Hit(code, {"found": shown, "line": str(line)}, line=line)
