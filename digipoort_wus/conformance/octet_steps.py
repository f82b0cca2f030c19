"""Steps on the octets: write out, replace, add, encode."""

import time
from typing import Literal

from lxml import etree

from digipoort_wus.conformance.recipes import Making, RecipeError, step


@step
def write(
    making: Making,
    *,
    declaration: Literal["yes", "no"] = "yes",
    layout: Literal["as-is", "indented"] = "as-is",
) -> None:
    """Write the message out; ``indented`` adds the white space that breaks signatures."""
    making.octets = etree.tostring(
        making.root,
        encoding="UTF-8",
        xml_declaration=declaration == "yes",
        pretty_print=layout == "indented",
    )


@step
def parse(making: Making) -> None:
    """Make a tree of the octets again, for steps that the tree alone could not do."""
    parser = etree.XMLParser(huge_tree=True, resolve_entities=False, collect_ids=False)
    try:
        making.root = etree.fromstring(making.written(), parser)
    except etree.XMLSyntaxError as error:
        raise RecipeError(f"the message is no XML any more: {error}") from error
    making.octets = None


@step
def package(making: Making, *, boundary: str = "boundary") -> None:
    """Write an MTOM package: the envelope, then the parts that were taken out of it."""
    pieces = [
        f"--{boundary}\r\n"
        'Content-Type: application/xop+xml; charset=utf-8; type="text/xml"\r\n'
        "Content-Transfer-Encoding: binary\r\nContent-ID: <root@example>\r\n\r\n".encode(),
        making.written(),
    ]
    for cid, octets in making.parts:
        pieces += [
            f"\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Transfer-Encoding: binary\r\nContent-ID: <{cid}>\r\n\r\n".encode(),
            octets,
        ]
    making.octets = b"".join([*pieces, f"\r\n--{boundary}--\r\n".encode()])


@step
def replace(
    making: Making,
    *,
    find: str,
    by: str,
    times: int = 1,
    which: Literal["only", "first", "last", "all"] = "only",
) -> None:
    """Replace text.

    Args:
        find: what must be there.
        by: what comes instead; ``{n}`` in it counts from 0 when it is repeated.
        times: how often ``by`` is written.
        which: occurrence.
    """
    octets, wanted = making.written(), making.kit.fill(find).encode()
    number = octets.count(wanted)
    if not number or (which == "only" and number > 1):
        raise RecipeError(f"{find!r} occurs {number} times")
    value = _repeated(making.kit.fill(by), times)
    if which == "last":
        before, _, after = octets.rpartition(wanted)
        making.octets = before + value + after
    else:
        making.octets = octets.replace(wanted, value, -1 if which == "all" else 1)


@step
def prepend(making: Making, *, value: str = "", octets: str = "", times: int = 1) -> None:
    """Put text, or octets in hexadecimal, before the message."""
    making.octets = _value(making, value, octets, times) + making.written()


@step
def append(making: Making, *, value: str = "", octets: str = "", times: int = 1) -> None:
    """Put text, or octets in hexadecimal, behind the message."""
    making.octets = making.written() + _value(making, value, octets, times)


@step
def patch(making: Making, *, find: str, octets: str) -> None:
    """Replace text by octets in hexadecimal, which need not be text at all."""
    whole, wanted = making.written(), find.encode()
    if wanted not in whole:
        raise RecipeError(f"{find!r} does not occur")
    making.octets = whole.replace(wanted, _hexadecimal(octets), 1)


@step
def encode(making: Making, *, encoding: str, declared: str = "") -> None:
    """Write the message in another encoding.

    Args:
        encoding: by its Python name; ``utf-16`` and ``utf-32`` begin with a mark.
        declared: what the XML declaration says; as it is when empty.
    """
    text = making.written().decode()
    if declared:
        text = text.replace("encoding='UTF-8'", f"encoding='{declared}'", 1)
    try:
        making.octets = text.encode(encoding)
    except (LookupError, UnicodeEncodeError) as error:
        raise RecipeError(f"it cannot be written as {encoding}: {error}") from error


@step
def cut(making: Making, *, after: str) -> None:
    """End the message behind the first occurrence of a text."""
    before, found, _ = making.written().partition(after.encode())
    making.octets = before + found


@step
def instead(making: Making, *, value: str = "", octets: str = "", times: int = 1) -> None:
    """Send this instead of the message."""
    making.octets = _value(making, value, octets, times)


@step
def send(making: Making) -> None:
    """Send the message as it is now, before the one that is judged; it must be accepted."""
    octets = making.octets
    if octets is None:
        octets = etree.tostring(making.root, encoding="UTF-8", xml_declaration=True)
    making.sent.append(octets)


@step
def within_minute(_making: Making, *, seconds: int = 10) -> None:
    """Wait, if need be, until the running minute of the clock has so many seconds left.

    For what is counted by the minute.
    """
    left = 60 - time.time() % 60
    if left < seconds:
        time.sleep(left)


def _value(making: Making, value: str, octets: str, times: int) -> bytes:
    if bool(value) == bool(octets):
        raise RecipeError("give either value or octets")
    return _repeated(making.kit.fill(value), times) if value else _hexadecimal(octets) * times


def _repeated(value: str, times: int) -> bytes:
    if "{n}" not in value:
        return (value * times).encode()
    return "".join(value.replace("{n}", str(number)) for number in range(times)).encode()


def _hexadecimal(octets: str) -> bytes:
    try:
        return bytes.fromhex(octets)
    except ValueError as error:
        raise RecipeError(f"{octets!r} is no hexadecimal") from error
