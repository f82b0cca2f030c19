"""Runs stylesheets on Saxon, of the extra ``schematron``, which is imported when a set needs it.

Saxon expands entities, opens files and writes them, and its messages quote the document. So it is
given text that was parsed and written again here, without a DOCTYPE, and is set up to open nothing
by an address, to call nothing, and to say nothing: ``saxon.xml`` sends its messages nowhere.
"""

import threading
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from lxml import etree

from digipoort_wus.rules.model import OptionError, TechnicalError

_SETTINGS = Path(__file__).with_name("saxon.xml")
_FEATURE = "http://saxon.sf.net/feature/"
_FEATURES: Mapping[str, str] = {
    f"{_FEATURE}allowedProtocols": "",
    f"{_FEATURE}allow-external-functions": "false",
    f"{_FEATURE}disableXslEvaluate": "true",
    f"{_FEATURE}parserFeature?uri=http%3A//apache.org/xml/features/disallow-doctype-decl": "true",
}
_ENCODING = "UTF-8"
_SAID_MAX = 300


class _Executable(Protocol):
    def transform_to_string(self, *, xdm_node: object) -> object: ...


class _Compiler(Protocol):
    def compile_stylesheet(self, *, stylesheet_text: str, encoding: str) -> _Executable: ...


class _Processor(Protocol):
    def set_configuration_property(self, name: str, value: str) -> None: ...
    def new_xslt30_processor(self) -> _Compiler: ...
    def parse_xml(self, *, xml_text: str, encoding: str) -> object: ...


class Stylesheet:
    """A compiled stylesheet, which threads may share: they wait for each other.

    Args:
        root: of the stylesheet, which has no DOCTYPE any more.

    Raises:
        OptionError: Saxon cannot compile it.
        TechnicalError: Saxon is not installed, or cannot be started.
    """

    def __init__(self, root: etree._Element) -> None:
        self._processor = _processor()
        text = etree.tostring(root, encoding="unicode")
        with _ALONE:
            try:
                compiler = self._processor.new_xslt30_processor()
                self._executable = compiler.compile_stylesheet(
                    stylesheet_text=text, encoding=_ENCODING
                )
            except Exception as error:
                raise OptionError(f"Saxon cannot compile it: {_said(error)}") from error

    def transformed(self, root: etree._Element) -> str:
        """Return what the stylesheet makes of a document.

        Args:
            root: of the document, as it was parsed.

        Raises:
            TechnicalError: the stylesheet gave up, or Saxon did.
        """
        text = etree.tostring(root, encoding="unicode")
        with _ALONE:
            try:
                document = self._processor.parse_xml(xml_text=text, encoding=_ENCODING)
                made = self._executable.transform_to_string(xdm_node=document)
            except Exception:
                # Without its cause, which quotes the document.
                raise TechnicalError("the stylesheet ended with an error") from None
        if not isinstance(made, str) or not made:
            raise TechnicalError("the stylesheet made nothing")
        return made


_ALONE = threading.Lock()
"""Saxon does not promise that threads may share what it compiled."""


@cache
def _processor() -> _Processor:
    """Return the Saxon of this process, which is never ended: it takes part of a second."""
    try:
        saxon = import_module("saxonche")
    except ImportError as error:
        raise TechnicalError(
            "saxonche is not installed: pip install 'digipoort-wus[schematron]'"
        ) from error
    try:
        processor = cast(_Processor, saxon.PySaxonProcessor(config_file=str(_SETTINGS)))
        for name, value in _FEATURES.items():
            processor.set_configuration_property(name, value)
    except Exception as error:
        raise TechnicalError(f"Saxon cannot be started: {_said(error)}") from error
    return processor


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:_SAID_MAX].rstrip(".")
