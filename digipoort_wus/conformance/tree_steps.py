"""Steps on the tree: sign, move, copy, insert, remove, change."""

import base64
from copy import deepcopy
from datetime import timedelta
from typing import Literal

from cryptography.hazmat.primitives import serialization
from lxml import etree

from digipoort_wus.conformance.recipes import PREFIXES, Making, RecipeError, step
from digipoort_wus.wss.policy import SUITES
from digipoort_wus.wss.sign import LIFETIME, sign_request

Where = Literal["first", "last", "before", "after", "replace"]


@step
def sign(
    making: Making,
    *,
    who: str = "vendor-a",
    suite: Literal["sha256", "sha1"] = "sha256",
    age: int = 0,
    lifetime: int = int(LIFETIME.total_seconds()),
) -> None:
    """Sign the message as an ordinary client does: Timestamp, wsa headers, Body.

    Args:
        who: whose certificate and key.
        suite: of algorithms.
        age: seconds since Created.
        lifetime: seconds from Created to Expires.
    """
    sign_request(
        making.root,
        identity=making.kit.identity(who),
        suite=SUITES[suite],
        created=making.kit.now.replace(microsecond=0) - timedelta(seconds=age),
        lifetime=timedelta(seconds=lifetime),
    )


@step
def insert(making: Making, *, at: str, xml: str, where: Where = "last") -> None:
    """Put new XML at a place: in an element, beside it, or in its stead."""
    _place(making.fragment(xml), making.one(at), where)


@step
def move(making: Making, *, at: str, to: str, where: Where = "last") -> None:
    """Take an element away and put it elsewhere."""
    element, target = making.one(at), making.one(to)
    _detach(element)
    _place(element, target, where)


@step
def copy(making: Making, *, at: str, to: str, where: Where = "last") -> None:
    """Put a copy of an element elsewhere."""
    duplicate = deepcopy(making.one(at))
    duplicate.tail = None
    _place(duplicate, making.one(to), where)


@step
def remove(making: Making, *, at: str) -> None:
    """Take elements away, all that the path leads to."""
    for element in making.all(at):
        _detach(element)


@step
def text(making: Making, *, at: str, value: str, times: int = 1) -> None:
    """Replace the text of elements, by a value that is written so many times."""
    for element in making.all(at):
        element.text = making.kit.fill(value) * times


@step
def tail(making: Making, *, at: str, value: str) -> None:
    """Put text behind an element."""
    making.one(at).tail = making.kit.fill(value)


@step
def comment(making: Making, *, at: str, after: str = "") -> None:
    """Put a comment into the text of a leaf.

    Args:
        at: the leaf.
        after: the first part of its text; without it, the comment comes first.
    """
    element = making.one(at)
    whole = element.text or ""
    if not whole.startswith(after):
        raise RecipeError(f"the text does not start with {after!r}")
    node = etree.Comment("x")
    element.text, node.tail = after, whole[len(after) :]
    element.insert(0, node)


@step
def attribute(
    making: Making,
    *,
    at: str,
    name: str,
    value: str = "",
    of: str = "",
    what: Literal["set", "remove"] = "set",
) -> None:
    """Set or remove an attribute.

    Args:
        at: the elements.
        name: with one of the known prefixes (``wsu:Id``), ``xml:``, or none.
        value: what it becomes.
        of: a path to an element whose attribute of any Id spelling is taken as the value.
        what: to do.
    """
    for element in making.all(at):
        if what == "remove":
            element.attrib.pop(_qualified(name), None)
        elif of:
            element.set(_qualified(name), _id_of(making.one(of)))
        else:
            element.set(_qualified(name), making.kit.fill(value))


@step
def refer(making: Making, *, at: str, to: str, prefix: str = "#") -> None:
    """Make a URI attribute name the Id of an element, behind a prefix."""
    making.one(at).set("URI", f"{prefix}{_id_of(making.one(to))}")


@step
def rename(making: Making, *, at: str, name: str) -> None:
    """Give an element another name."""
    prefix, _, local = name.rpartition(":")
    namespace = PREFIXES.get(prefix, "") if prefix else ""
    for element in making.all(at):
        element.tag = f"{{{namespace}}}{local}" if namespace else local


@step
def repeat(making: Making, *, at: str, times: int) -> None:
    """Put copies of an element behind it."""
    element = making.one(at)
    parent = _parent(element)
    position = parent.index(element) + 1
    parent[position:position] = [deepcopy(element) for _ in range(times)]


@step
def token(
    making: Making,
    *,
    who: str = "vendor-a",
    form: Literal["der", "chain", "chain-der", "trailing", "wrapped"] = "der",
) -> None:
    """Put another certificate into the BinarySecurityToken, or the same in another form.

    Args:
        who: whose.
        form: ``chain``: base64 of PEM with its issuers; ``chain-der``: the issuers' octets
            behind it; ``trailing``: other octets behind it; ``wrapped``: in lines of 64.
    """
    certificates = making.kit.certificates(who)
    ders = [one.public_bytes(serialization.Encoding.DER) for one in certificates]
    octets = ders[0]
    if form == "chain":
        octets = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)
    elif form == "chain-der":
        octets = b"".join(ders)
    elif form == "trailing":
        octets += b"\0\0trailing"
    value = base64.b64encode(octets).decode()
    if form == "wrapped":
        value = "\n" + "\n".join(value[i : i + 64] for i in range(0, len(value), 64)) + "\n"
    making.one("/s:Envelope/s:Header/wsse:Security/wsse:BinarySecurityToken").text = value


@step
def include(making: Making, *, at: str, cid: str = "part@example") -> None:
    """Take base64 out of an element: its octets become a part, an xop:Include names it."""
    element = making.one(at)
    making.parts.append((cid, base64.b64decode(element.text or "")))
    element.text = None
    element.append(making.fragment(f'<xop:Include href="cid:{cid}"/>'))


@step
def unreferenced(making: Making, *, at: str) -> None:
    """Take the Reference to an element out of SignedInfo; ``sign-again`` comes later."""
    uri = f"#{_id_of(making.one(at))}"
    for reference in making.all(f"//ds:SignedInfo/ds:Reference[@URI='{uri}']"):
        _detach(reference)


@step
def referenced(making: Making, *, at: str, name: str = "x-1") -> None:
    """Give an element a wsu:Id, if it has none, and add a Reference to it to SignedInfo."""
    element = making.one(at)
    if not element.get(_qualified("wsu:Id")):
        element.set(_qualified("wsu:Id"), name)
    references = making.all("//ds:SignedInfo/ds:Reference")
    reference = deepcopy(references[-1])
    reference.set("URI", f"#{_id_of(element)}")
    _parent(references[-1]).append(reference)


def _place(element: etree._Element, target: etree._Element, where: Where) -> None:
    if where == "first":
        target.insert(0, element)
    elif where == "last":
        target.append(element)
    elif where == "before":
        target.addprevious(element)
    elif where == "after":
        target.addnext(element)
    else:
        _parent(target).replace(target, element)


def _detach(element: etree._Element) -> None:
    _parent(element).remove(element)


def _parent(element: etree._Element) -> etree._Element:
    parent = element.getparent()
    if parent is None:
        raise RecipeError("that is the root of the message")
    return parent


def _qualified(name: str) -> str:
    prefix, _, local = name.rpartition(":")
    if not prefix:
        return local
    if prefix == "xml":
        return f"{{http://www.w3.org/XML/1998/namespace}}{local}"
    if prefix not in PREFIXES:
        raise RecipeError(f"no prefix {prefix!r}; there are {', '.join(PREFIXES)}")
    return f"{{{PREFIXES[prefix]}}}{local}"


def _id_of(element: etree._Element) -> str:
    for name, value in element.items():
        if name.rpartition("}")[2].lower() == "id":
            return value
    raise RecipeError("that element has no Id")
