"""The path to an element of a tree, as findings say it."""

from lxml import etree

from digipoort_wus.xmlsafe.walk import Place


def path_of(element: etree._Element) -> str:
    """Return an XPath to an element by local names, of bounded length.

    Args:
        element: of a document; no comment and no instruction.
    """
    place = Place()
    place.names = [str(each.tag) for each in (*reversed(list(element.iterancestors())), element)]
    return place.path()
