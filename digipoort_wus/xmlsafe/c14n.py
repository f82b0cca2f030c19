"""Canonicalisation: the octets that a digest or signature is computed over."""

from collections.abc import Sequence
from enum import Enum
from io import BytesIO

from lxml import etree

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.xmlsafe.hardened import HARDENED

_DEFAULT = "#default"
_XML = "{http://www.w3.org/XML/1998/namespace}"


class Form(Enum):
    """Which canonicalisation; both without comments."""

    INCLUSIVE = "Canonical XML 1.0"
    EXCLUSIVE = "Exclusive XML Canonicalization 1.0"


def canonicalize(element: etree._Element, prefixes: Sequence[str] = ()) -> bytes:
    """Return the exclusive canonical form, without comments, of an element where it stands.

    Args:
        element: part of a parsed message; not changed.
        prefixes: the InclusiveNamespaces PrefixList; ``#default`` is the default namespace.

    Raises:
        Refusal: XML-CANONICAL. A failed canonicalisation must never look like
            an empty one, whose digest everybody knows.

    Exclusive XML Canonicalization 1.0.
    """
    make_known(prefixes)
    try:
        octets = etree.tostring(
            element,
            method="c14n",
            exclusive=True,
            with_comments=False,
            inclusive_ns_prefixes=list(prefixes) or None,
        )
    except (etree.C14NError, ValueError) as error:
        raise Refusal(checks.XML_CANONICAL) from error
    if not octets:
        raise Refusal(checks.XML_CANONICAL)
    return octets


def make_known(prefixes: Sequence[str]) -> None:
    """Put ``#default`` into the dictionary that this thread's documents share, if it is listed.

    lxml leaves out listed prefixes that are not in it, as prefixes that cannot be in
    scope; ``#default`` is no prefix, so no document ever puts it there. Looking for an
    element of that name does. A document of another thread would keep the wrong form,
    and be refused for its digest.
    """
    if _DEFAULT in prefixes:
        for _ in etree.iterparse(BytesIO(b"<a/>"), tag=_DEFAULT):
            pass


def canonicalize_whole(root: etree._Element, form: Form, prefixes: Sequence[str] = ()) -> bytes:
    """Return the canonical form, without comments, of the document that an element is the root of.

    Args:
        root: of a document that was parsed, or is a copy by :func:`standing_alone`; what lxml
            was told to build or move may have other declarations than what it writes.
        form: of the canonicalisation.
        prefixes: as of :func:`canonicalize`, for the exclusive form.

    Raises:
        Refusal: XML-CANONICAL.

    Canonical XML 1.0; Exclusive XML Canonicalization 1.0.
    """
    make_known(prefixes)
    try:
        octets = etree.tostring(
            root.getroottree(),
            method="c14n",
            exclusive=form is Form.EXCLUSIVE,
            with_comments=False,
            inclusive_ns_prefixes=list(prefixes) or None,
        )
    except (etree.C14NError, ValueError) as error:
        raise Refusal(checks.XML_CANONICAL) from error
    if not octets:
        raise Refusal(checks.XML_CANONICAL)
    return octets


def canonicalize_inclusive(element: etree._Element) -> bytes:
    """Return the inclusive canonical form, without comments, of an element where it stands.

    In place lxml would write an empty default namespace that is not there, so a copy is
    canonicalised that has everything the element inherits.

    Args:
        element: part of a parsed message; not changed.

    Raises:
        Refusal: XML-CANONICAL.

    Canonical XML 1.0 §2.4: namespaces and the attributes of ``xml:`` are inherited.
    """
    copy = standing_alone(element)
    for ancestor in element.iterancestors():
        for name, value in ancestor.items():
            if name.startswith(_XML) and name not in copy.attrib:
                copy.set(name, value)
    return canonicalize_whole(copy, Form.INCLUSIVE)


def standing_alone(element: etree._Element) -> etree._Element:
    """Return a copy of an element as the root of a document: written, and read again.

    It is what a receiver of the element would read, with the declarations that it inherits.

    Raises:
        Refusal: XML-CANONICAL.
    """
    return read_own(etree.tostring(element, encoding="utf-8", with_tail=False))


def read_own(octets: bytes) -> etree._Element:
    """Parse octets that were written here, out of a message that was read already.

    Raises:
        Refusal: XML-CANONICAL; it would be a mistake of ours or of lxml.
    """
    parser = etree.XMLParser(encoding="utf-8", huge_tree=False, **HARDENED)
    try:
        return etree.fromstring(octets, parser)
    except etree.XMLSyntaxError as error:
        if error.code == etree.ErrorTypes.ERR_NO_MEMORY:
            raise MemoryError("no memory to parse the document") from None
        raise Refusal(checks.XML_CANONICAL) from None
