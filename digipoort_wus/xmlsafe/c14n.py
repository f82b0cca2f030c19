"""Exclusive canonicalisation: the octets that a digest or signature is computed over."""

from collections.abc import Sequence
from io import BytesIO

from lxml import etree

from digipoort_wus import checks
from digipoort_wus.errors import Refusal

_DEFAULT = "#default"


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
