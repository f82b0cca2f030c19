"""Make Spyne 2.14 importable on Python 3.11 to 3.13, and keep it from logging documents.

Spyne has had no release since 2022. Nothing of it is patched on disk; what is
changed in memory is listed here, each with its reason, and a test in
``tests/unit/_compat/test_needed.py`` fails when Spyne can do without. Two of its
parts are never imported at all: ``spyne.server.twisted`` (needs a module that
Twisted removed, and cannot answer a POST) and ``spyne.protocol.soap`` (needs
``cgi``, gone in 3.13, and is no safe parser).
"""

import importlib.util
import logging
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Protocol

_SIX = "spyne.util.six"
DOCUMENT_LOGGERS = (
    # "%r in string %r" with the whole request, at ERROR.
    "spyne.protocol.xml.invalid",
    # Requests and answers, pretty-printed, at DEBUG.
    "spyne.protocol.xml",
    # "Failed document is: %s" at DEBUG, after the exception at ERROR.
    "spyne.server._base",
    # Exceptions with traceback, whose text may quote a value.
    "spyne.application",
    "spyne.application.client",
    "spyne.application.server",
)
"""Loggers of Spyne that write what a sender sent; :func:`prepare` silences them."""


def prepare() -> None:
    """Make ``import spyne`` work and stay quiet; call it before the first such import.

    A second call changes nothing.

    Raises:
        ImportError: Spyne is not installed.
    """
    for name in DOCUMENT_LOGGERS:
        # Not a level: someone who sets DEBUG for everything still gets no documents.
        logging.getLogger(name).addFilter(_nothing)
    if _SIX not in sys.modules:
        _load_six()


def _nothing(record: logging.LogRecord) -> bool:  # noqa: ARG001
    return False


def _load_six() -> None:
    """Load Spyne's copy of six first, and give its importer today's import protocol.

    That copy (1.14) finds ``six.moves`` with ``find_module``: Python 3.11 warns
    about it at every failing import, 3.12 no longer calls it. six 1.16 has the
    two methods that are added here.
    """
    spyne = importlib.util.find_spec("spyne")
    if spyne is None or spyne.origin is None:
        raise ImportError("Spyne is not installed: pip install 'spyne>=2.14.0'")
    path = Path(spyne.origin).parent / "util" / "six.py"
    spec = importlib.util.spec_from_file_location(_SIX, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"This Spyne has no {path}: install spyne 2.14.0")
    module = importlib.util.module_from_spec(spec)
    sys.modules[_SIX] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[_SIX]
        raise
    importer = module._SixMetaPathImporter
    if not hasattr(importer, "find_spec"):
        importer.find_spec = _find_spec
        importer.create_module = _create_module
        importer.exec_module = _exec_module


class _Importer(Protocol):
    """The part of six's importer that exists already."""

    known_modules: dict[str, object]

    def load_module(self, fullname: str) -> ModuleType: ...


def _find_spec(
    self: _Importer,
    fullname: str,
    path: object = None,  # noqa: ARG001
    target: object = None,  # noqa: ARG001
) -> ModuleSpec | None:
    if fullname in self.known_modules:
        return importlib.util.spec_from_loader(fullname, self)
    return None


def _create_module(self: _Importer, spec: ModuleSpec) -> ModuleType:
    return self.load_module(spec.name)


def _exec_module(self: _Importer, module: ModuleType) -> None:
    """Do nothing: the module is one of the standard library, loaded already."""
