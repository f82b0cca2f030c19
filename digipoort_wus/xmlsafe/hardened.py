"""How every parser of other people's XML is set: it fetches, expands and fills in nothing."""

from typing import Final, TypedDict


class Options(TypedDict):
    """Keyword arguments of :class:`lxml.etree.XMLParser`."""

    resolve_entities: bool
    no_network: bool
    load_dtd: bool
    dtd_validation: bool
    attribute_defaults: bool
    collect_ids: bool


HARDENED: Final[Options] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "attribute_defaults": False,
    # Ids are compared by us, spelling by spelling; libxml2's own table is not used.
    "collect_ids": False,
}
"""For each of them; the bounds on texts and depth are for who knows how many octets come."""
