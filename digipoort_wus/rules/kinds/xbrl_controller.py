"""Arelle as it is used here: offline, without plug-ins, keeping nothing, and silent.

Of Arelle 2.47 this uses what its ``Session`` uses, and types of it no more than that.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Protocol

from digipoort_wus.rules.kinds.xbrl_message import TOO_MANY
from digipoort_wus.rules.model import TechnicalError

FILING = "http://filing.invalid/filing.xbrl"
"""Where the instance seems to be: nothing lies beside it."""
_NOWHERE = "/nonexistent/arelle"
_MESSAGES_MAX = 10_000
# Between the levels of logging stand some of Arelle's own; what is less says nothing.
_SATISFIED = logging.WARNING + 2


class Document(Protocol):
    """A document in Arelle."""


class FileSource(Protocol):
    """Where a model reads its documents."""

    file: Callable[..., object]
    isInArchive: Callable[..., bool]  # noqa: N815 - as Arelle calls it


class Model(Protocol):
    """A taxonomy in Arelle, which becomes an instance of it."""

    fileSource: FileSource  # noqa: N815
    modelDocument: Document | None  # noqa: N815
    hasFormulae: bool  # noqa: N815
    errors: list[object]

    def modelObject(self, object_id: object) -> object:  # noqa: N802
        """Return an element of any of its documents."""


class Manager(Protocol):
    """What a controller has its models from."""

    disclosureSystem: "DisclosureSystem"  # noqa: N815
    validateDisclosureSystem: bool  # noqa: N815
    validateDuplicateFacts: object  # noqa: N815
    baseTaxonomyValidationMode: object  # noqa: N815
    formulaOptions: object  # noqa: N815

    def close(self, model: Model) -> None:
        """Forget a model."""

    def loadCustomTransforms(self) -> None:  # noqa: N802
        """Know the functions of plug-ins; without it any call of a function breaks."""


class DisclosureSystem(Protocol):
    """Rules of a regulator; none here."""

    def select(self, name: str | None) -> object:
        """Take one."""


class WebCache(Protocol):
    """Where files are found."""

    workOffline: bool  # noqa: N815
    cacheDir: str  # noqa: N815
    builtInCacheDir: str  # noqa: N815
    getfilename: Callable[..., str | None]


class Packages(Protocol):
    """The packages of a controller."""

    def add(self, path: str) -> object:
        """Add one; None: it is none."""

    def rebuild(self) -> None:
        """Map addresses to them."""


class Controller(Protocol):
    """A controller of Arelle."""

    logger: logging.Logger
    logHandler: logging.Handler  # noqa: N815
    modelManager: Manager  # noqa: N815
    packages: Packages
    webCache: WebCache  # noqa: N815
    showStatus: Callable[..., None]  # noqa: N815


@dataclass(frozen=True, slots=True)
class Said:
    """One message as it was logged.

    Args:
        code: as Arelle calls it; empty of what says nothing.
        level: of logging.
        objects: ids of what it is about.
    """

    code: str
    level: int
    objects: tuple[str, ...]


class Ear(logging.Handler):
    """Keeps codes and places; words are not looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Said] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message that says something."""
        code = str(getattr(record, "messageCode", ""))
        if record.levelno < logging.WARNING or record.levelno == _SATISFIED:
            return
        if len(self.heard) < _MESSAGES_MAX:
            refs: Sequence[Mapping[str, str]] = getattr(record, "refs", ())
            objects = tuple(ref["objectId"] for ref in refs if "objectId" in ref)
            # What has no code broke in some way of its own.
            self.heard.append(Said(code or "exception", record.levelno, objects))
        elif len(self.heard) == _MESSAGES_MAX:
            # One of those that are not kept may be an error behind warnings.
            self.heard.append(Said(TOO_MANY, logging.ERROR, ()))

    def take(self) -> list[Said]:
        """Return what was heard, and forget it."""
        heard, self.heard = self.heard, []
        return heard


class Files:
    """Which files Arelle may open; all others are nowhere.

    Args:
        find: of Arelle: from an address to a path.
        own: directory of the schemas of XBRL that come with Arelle.
    """

    def __init__(self, find: Callable[..., str | None], own: Path) -> None:
        self._find = find
        self._own = own
        self.packages: tuple[Path, ...] = ()
        """What is open, too."""
        self.missed: list[str] = []
        """What was asked for and is not open."""

    def find(self, url: str | None, *args: object, **options: object) -> str | None:
        """Return the path of what is open."""
        path = self._find(url, *args, **options)
        if path is None or url == FILING:
            return path
        # Arelle opens what it is told by any spelling.
        plain = Path(path)
        if ".." not in plain.parts and any(
            plain.is_relative_to(each) for each in (self._own, *self.packages)
        ):
            return path
        self.missed.append(str(url))
        return None


@dataclass(frozen=True, slots=True)
class Modules:
    """Of Arelle, which is imported when a rule needs it."""

    cntlr: ModuleType
    document: ModuleType
    duplicates: ModuleType
    formula: ModuleType
    model: ModuleType
    packages: ModuleType
    registry: ModuleType
    taxonomies: ModuleType
    validate: ModuleType

    @classmethod
    def imported(cls) -> "Modules":
        """Import them.

        Raises:
            TechnicalError: Arelle is not installed.
        """
        try:
            return cls(
                import_module("arelle.Cntlr"),
                import_module("arelle.ModelDocument"),
                import_module("arelle.ValidateDuplicateFactsConst"),
                import_module("arelle.ModelFormulaObject"),
                import_module("arelle.ModelXbrl"),
                import_module("arelle.packages._package_manager"),
                import_module("arelle.packages.package_registry"),
                import_module("arelle.ValidateXbrlDTS"),
                import_module("arelle.Validate"),
            )
        except ImportError as error:
            raise TechnicalError(
                "Arelle is not installed: pip install 'digipoort-wus[xbrl]'"
            ) from error


def controller(modules: Modules, ear: Ear) -> Controller:
    """Return a controller that is offline, keeps nothing and tells us alone."""
    cntlr: Controller = modules.cntlr.Cntlr(
        hasGui=False, uiLang="en", disable_persistent_config=True
    )
    logger = logging.Logger("arelle", logging.WARNING)
    logger.addHandler(ear)
    for name, value in (
        ("messageCodeFilter", None),
        ("messageLevelFilter", None),
        ("logRefObjectProperties", False),
    ):
        setattr(logger, name, value)
    cntlr.logger, cntlr.logHandler = logger, ear
    cntlr.webCache.workOffline = True
    cntlr.webCache.cacheDir = _NOWHERE
    manager = cntlr.modelManager
    manager.disclosureSystem.select(None)
    manager.validateDisclosureSystem = False
    manager.loadCustomTransforms()
    manager.validateDuplicateFacts = modules.duplicates.DuplicateType.INCONSISTENT
    return cntlr
