"""An XML Schema made of artefacts of a rule set, and of nothing else.

Where a schema includes or imports another one, that must be an artefact, too: nothing is fetched,
and no other file is opened. libxml2 would leave out in silence what it may not fetch.
"""

import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lxml import etree

from digipoort_wus.rules.model import OptionError

if TYPE_CHECKING:
    from lxml.etree._docloader import _InputDocument

_XS = "{http://www.w3.org/2001/XMLSchema}"
_REFERENCES = tuple(f"{_XS}{name}" for name in ("include", "import", "redefine", "override"))
_LOCATION = "schemaLocation"
_OURS = "artefact:/"


class _Artefacts(etree.Resolver):
    """Serves artefacts by the addresses that we wrote into the schemas."""

    def __init__(self, octets: Mapping[str, bytes]) -> None:
        self._octets = octets

    def resolve(
        self, system_url: str | None, public_id: str | None, context: object, /
    ) -> "_InputDocument":
        if system_url is None or system_url not in self._octets:
            raise OptionError("a schema refers to something that is no artefact of the set")
        return self.resolve_string(self._octets[system_url], context, base_url=system_url)


def compiled_schema(
    name: str, artefacts: Mapping[str, Path], locations: Mapping[str, str]
) -> etree.XMLSchema:
    """Compile a schema.

    Args:
        name: of the artefact that it begins with.
        artefacts: by name.
        locations: names of artefacts, by how schemas refer to them; what is relative to the
            schema's own name, or has the last part of one artefact's name, needs none.

    Raises:
        OptionError: a schema is no schema, or refers to what is no artefact.
        TechnicalError: the operator has not added an artefact yet.
    """
    octets = gathered(name, artefacts, locations, _OURS)
    parser = _parser(octets)
    try:
        return etree.XMLSchema(
            etree.fromstring(octets[_OURS + name], parser, base_url=_OURS + name)
        )
    except (etree.XMLSchemaParseError, etree.XMLSyntaxError) as error:
        raise OptionError(f"{name} is no XML Schema 1.0: {error}") from error


def gathered(
    name: str, artefacts: Mapping[str, Path], locations: Mapping[str, str], ours: str
) -> Mapping[str, bytes]:
    """Read a schema and all that it refers to, by addresses that nobody else has.

    Args:
        name: of the artefact that it begins with.
        artefacts: by name.
        locations: names of artefacts, by how schemas refer to them.
        ours: what an address begins with; behind it stands the name of the artefact.

    Raises:
        OptionError: one cannot be read, or refers to what is no artefact.
        TechnicalError: the operator has not added an artefact yet.
    """
    octets: dict[str, bytes] = {}
    parser = _parser(octets)
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if ours + each in octets:
            continue
        root = _read(each, artefacts, parser)
        for node in root.iter(*_REFERENCES):
            location = node.get(_LOCATION)
            if location is not None:
                found = _artefact(location, each, artefacts, locations)
                node.set(_LOCATION, ours + found)
                waiting.append(found)
        octets[ours + each] = etree.tostring(root)
    return octets


def _read(name: str, artefacts: Mapping[str, Path], parser: etree.XMLParser) -> etree._Element:
    try:
        path = artefacts[name]
    except KeyError:
        raise OptionError(f"{name} is no artefact of the set") from None
    try:
        return etree.fromstring(path.read_bytes(), parser)
    except (OSError, etree.XMLSyntaxError) as error:
        raise OptionError(f"{name} cannot be read: {error}") from error


def _artefact(
    location: str, name: str, artefacts: Mapping[str, Path], locations: Mapping[str, str]
) -> str:
    """Return which artefact a schema refers to."""
    if location in locations:
        return locations[location]
    relative = posixpath.normpath(posixpath.join(posixpath.dirname(name), location.strip()))
    if _is_there(relative, artefacts):
        return relative
    last = location.strip().rpartition("/")[2]
    same = [each for each in artefacts if each.rpartition("/")[2] == last]
    if len(same) == 1:
        return same[0]
    raise OptionError(
        f"{name} refers to {location}: list that schema as an artefact, "
        "and name it in option locations when its name is another one"
    )


def _is_there(name: str, artefacts: Mapping[str, Path]) -> bool:
    try:
        artefacts[name]
    except KeyError:
        return False
    return True


def _parser(octets: Mapping[str, bytes]) -> etree.XMLParser:
    parser = etree.XMLParser(
        # Public schemas have some; those of files are mistakes.
        resolve_entities="internal",
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
    )
    parser.resolvers.add(_Artefacts(octets))
    return parser
