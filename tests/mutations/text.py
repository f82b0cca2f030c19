"""Mutations of the text: the same tree written otherwise, or nearly so."""

import re
from collections.abc import Callable

from hypothesis import strategies as st

from tests.mutations.draw import Draw

_START_TAG = re.compile(r"<[A-Za-z][^<>]*>")
_TEXT = re.compile(r">([^<>]+)<")
_DECLARATION = re.compile(r'xmlns:([A-Za-z0-9]+)="([^"]*)"')


def _at_a_match(
    data: Draw, text: str, pattern: re.Pattern[str], change: Callable[[str], str]
) -> str:
    found = list(pattern.finditer(text))
    if not found:
        return text
    match = data.draw(st.sampled_from(found))
    return text[: match.start()] + change(match[0]) + text[match.end() :]


def declare(data: Draw, text: str) -> str:
    """Declare a namespace in a start tag: unused, again, or otherwise than before."""
    prefixes = [*{match[1] for match in _DECLARATION.finditer(text)}, "unused", ""]
    prefix = data.draw(st.sampled_from(sorted(prefixes)))
    known = [match[2] for match in _DECLARATION.finditer(text)]
    uri = data.draw(st.sampled_from([*sorted(set(known)), "urn:x", "", "relative"]))
    name = f"xmlns:{prefix}" if prefix else "xmlns"

    def changed(tag: str) -> str:
        end = -2 if tag.endswith("/>") else -1
        return f'{tag[:end]} {name}="{uri}"{tag[end:]}'

    return _at_a_match(data, text, _START_TAG, changed)


def reprefix(data: Draw, text: str) -> str:
    """Call a prefix otherwise everywhere, or swap two."""
    prefixes = sorted({match[1] for match in _DECLARATION.finditer(text)})
    if not prefixes:
        return text
    old = data.draw(st.sampled_from(prefixes))
    new = data.draw(st.sampled_from([*prefixes, "zz"]))
    swapped = {old: new, new: old}
    # "<", "</" or a space before a name of an element, an attribute or a declaration.
    return re.sub(
        r"(</?|\sxmlns:|\s)([A-Za-z0-9]+)(?=[:=])",
        lambda match: f"{match[1]}{swapped.get(match[2], match[2])}",
        text,
    )


def space_in_a_tag(data: Draw, text: str) -> str:
    space = data.draw(st.sampled_from([" ", "\n", "\t", "\r\n", "\r"]))

    def changed(tag: str) -> str:
        at = data.draw(st.sampled_from([i for i, char in enumerate(tag) if char in ' ="/>']))
        return tag[:at] + space + tag[at:]

    return _at_a_match(data, text, _START_TAG, changed)


def space_between_tags(data: Draw, text: str) -> str:
    space = data.draw(st.sampled_from([" ", "\n", "\t", "\r\n", "&#13;", "&#32;", "\N{NEXT LINE}"]))
    return _at_a_match(data, text, re.compile("><"), lambda _: f">{space}<")


def character_reference(data: Draw, text: str) -> str:
    def changed(piece: str) -> str:
        at = data.draw(st.integers(1, len(piece) - 2))
        form = data.draw(st.sampled_from(["&#{};", "&#0{};", "&#x{:x};"]))
        return piece[:at] + form.format(ord(piece[at])) + piece[at + 1 :]

    return _at_a_match(data, text, _TEXT, changed)


def quotes(data: Draw, text: str) -> str:
    return _at_a_match(data, text, re.compile(r'="[^"\']*"'), lambda value: f"='{value[2:-1]}'")


def empty_tags(data: Draw, text: str) -> str:
    return _at_a_match(
        data,
        text,
        re.compile(r"<([A-Za-z0-9:]+)([^<>]*)/>"),
        lambda tag: f"{tag[:-2]}></{tag[1:].split()[0].rstrip('/>')}>",
    )


def attributes_reordered(data: Draw, text: str) -> str:
    attribute = re.compile(r'\s[A-Za-z0-9:]+="[^"]*"')

    def changed(tag: str) -> str:
        found = attribute.findall(tag)
        head = attribute.sub("", tag)
        end = -2 if head.endswith("/>") else -1
        return head[:end] + "".join(data.draw(st.permutations(found))) + head[end:]

    return _at_a_match(data, text, re.compile(r"<[A-Za-z0-9:]+(?:\s[^<>]*)>"), changed)


def prologue(data: Draw, text: str) -> str:
    bare = re.sub(r"\A<\?xml[^>]*\?>\s*", "", text)
    before = data.draw(
        st.sampled_from(
            [
                "",
                '<?xml version="1.0"?>',
                '<?xml version="1.0" encoding="utf-8" standalone="yes"?>',
                '<?xml version="1.1"?>',
                '<?xml version="1.0" encoding="ISO-8859-1"?>',
                '<?xml version="1.0" encoding="UTF-16"?>',
                "<!-- x -->",
                "<?x y?>",
                "<!DOCTYPE x>",
                '<!DOCTYPE x [<!ENTITY x "y">]>',
                " ",
                "\n",
            ]
        )
    )
    return before + bare + data.draw(st.sampled_from(["", "\n", "<!-- x -->", "<?x y?>", "<x/>"]))


TEXT: tuple[Callable[[Draw, str], str], ...] = (
    declare,
    reprefix,
    space_in_a_tag,
    space_between_tags,
    character_reference,
    quotes,
    empty_tags,
    attributes_reordered,
    prologue,
)
