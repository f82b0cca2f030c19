"""An XML Schema 1.1 made of artefacts of a rule set, on xmlschema, of the extra ``xsd11``.

xmlschema is imported when a set needs it. It opens addresses with what it is given for that, which
serves artefacts and knows no network and no files; what a document says of schemas it ignores.
"""

import io
import threading
from collections.abc import Iterator, Mapping
from email.message import Message
from enum import Enum, auto
from functools import cached_property
from importlib import import_module
from inspect import getattr_static
from pathlib import Path
from types import ModuleType
from typing import Protocol
from urllib.request import BaseHandler, OpenerDirector, Request
from urllib.response import addinfourl

from lxml import etree

from digipoort_wus.rules.kinds.xsd_schema import gathered
from digipoort_wus.rules.model import OptionError, TechnicalError

# The name exists nowhere, and nothing asks for it.
_OURS = "https://artefacts.invalid/"
_XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_SAID_MAX = 300


class Judge(Enum):
    """What of a schema says that something is wrong."""

    ROOT = auto()
    CHILDREN = auto()
    """A group of elements that stand in another one."""
    ATTRIBUTES = auto()
    VALUE = auto()
    CONDITION = auto()
    OTHER = auto()


class Mistake(Protocol):
    """An error of xmlschema: what of it is used here."""

    @property
    def elem(self) -> etree._Element | None:
        """The element, as a tree of lxml has it."""

    @property
    def reason(self) -> str | None:
        """It quotes the document."""

    @property
    def expected_tags(self) -> list[str]:
        """Names of elements that were expected."""


class Schema:
    """A compiled schema, which threads may share: they wait for each other.

    Args:
        name: of the artefact that it begins with.
        artefacts: by name.
        locations: names of artefacts, by how schemas refer to them.

    Raises:
        OptionError: a schema is no schema, or refers to what is no artefact.
        TechnicalError: xmlschema is not installed, or the operator has not added an artefact yet.
    """

    def __init__(
        self, name: str, artefacts: Mapping[str, Path], locations: Mapping[str, str]
    ) -> None:
        octets = gathered(name, artefacts, locations, _OURS)
        library = xmlschema_library()
        opener = OpenerDirector()
        opener.add_handler(_Artefacts(octets))
        try:
            self._schema = library.XMLSchema11(
                _OURS + name,
                opener=opener,
                allow="remote",
                defuse="always",
                use_fallback=False,
                use_location_hints=False,
            )
            missing = sorted(self._schema.maps.loader.missing_locations)
        except Exception as error:
            said = " ".join(str(getattr(error, "message", "") or error).split())[:_SAID_MAX]
            raise OptionError(f"{name} is no XML Schema 1.1: {said}") from error
        if missing:
            raise OptionError(f"{name}: {missing[0]} was not found among the artefacts")
        self._alone = threading.Lock()
        self._judges = _judges(library)

    def mistakes(self, root: etree._Element) -> Iterator[tuple[Judge, Mistake]]:
        """Validate a document, and tell what of the schema says that something is wrong."""
        with self._alone:
            for error in self._schema.iter_errors(root):
                yield self._judge(error), error

    def untyped(self, root: etree._Element) -> Iterator[etree._Element]:
        """Return the elements with an ``xsi:type`` that is none, at which xmlschema would end."""
        for element in root.iter("{*}*"):
            name = element.get(_XSI_TYPE)
            if name is not None and not self._is_type(element, name.strip()):
                yield element

    def _is_type(self, element: etree._Element, name: str) -> bool:
        prefix, _, local = name.rpartition(":")
        namespace = element.nsmap.get(prefix or None)
        if prefix and namespace is None:
            return False
        return (f"{{{namespace}}}{local}" if namespace else local) in self._schema.maps.types

    def _judge(self, error: Mistake) -> Judge:
        for judge, classes in self._judges.items():
            if isinstance(getattr(error, "validator", None), classes):
                return judge
        return Judge.OTHER


class _Artefacts(BaseHandler):
    """Serves artefacts by the addresses that we wrote into the schemas."""

    def __init__(self, octets: Mapping[str, bytes]) -> None:
        self._octets = octets

    def https_open(self, request: Request) -> addinfourl:
        """Open an artefact, as urllib asks for it."""
        if request.full_url not in self._octets:
            raise OSError("a schema refers to something that is no artefact of the set")
        return addinfourl(
            io.BytesIO(self._octets[request.full_url]), Message(), request.full_url, 200
        )


def xmlschema_library() -> ModuleType:
    """Return the module xmlschema, so that it works beside Twisted as well.

    Raises:
        TechnicalError: it is not installed.
    """
    try:
        library = import_module("xmlschema")
    except ImportError as error:
        raise TechnicalError(
            "xmlschema is not installed: pip install 'digipoort-wus[xsd11]'"
        ) from error
    # It asks its classes for every name that they list. One of them answers with an error in a
    # process where zope.interface, which Twisted needs, has seen a Sequence: xmlschema 4.3.2.
    validator = library.validators.xsdbase.XsdValidator
    if hasattr(validator, "_cached_properties"):
        validator._cached_properties = classmethod(_cached_properties)
    return library


def _cached_properties(of: type) -> Iterator[str]:
    """Return the names of a class's cached properties, and ask it for nothing."""
    for name in dir(of):
        if isinstance(getattr_static(of, name, None), cached_property):
            yield name


def _judges(library: ModuleType) -> Mapping[Judge, tuple[type, ...]]:
    """Return which classes of xmlschema judge what."""
    of = library.validators
    return {
        Judge.ROOT: (of.XMLSchemaBase,),
        Judge.CONDITION: (of.XsdAssert,),
        Judge.ATTRIBUTES: (of.XsdAttributeGroup, of.XsdAnyAttribute),
        Judge.VALUE: (of.XsdSimpleType, of.XsdAttribute, of.XsdFacet),
        Judge.CHILDREN: (of.XsdGroup, of.XsdAnyElement),
    }
