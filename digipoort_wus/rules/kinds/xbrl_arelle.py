"""Arelle, offline and warm: taxonomies are loaded once, and what they were loaded for is judged.

Of Arelle 2.47 this uses what its ``Session`` uses, not the ``Session``: that loads the taxonomy
again for each instance. A loaded taxonomy is good for one instance, which is read into it. So
this belongs in a process that forks for each filing; whoever judges a second one in the same
process waits until the taxonomy is loaded again. Nothing here starts a thread before it judges.

Arelle has one state for a process: judging is for one thread at a time.
"""

import io
import logging
import threading
from collections.abc import Collection, Sequence
from pathlib import Path

from lxml import etree

from digipoort_wus.filing.finding import Severity
from digipoort_wus.rules.kinds.xbrl_controller import (
    FILING,
    Ear,
    Files,
    Model,
    Modules,
    Said,
    controller,
)
from digipoort_wus.rules.kinds.xbrl_message import NOT_EVALUATED, UNSATISFIED, Message, Steps
from digipoort_wus.rules.model import OptionError, TechnicalError

_MEMBERS = "http://www.xbrl.org/2006/xbrldi-2006.xsd"
_OBJECTS_MAX = 20
_SHOWN = 3
_EVALUATING = "running formulae"
# Between the levels of logging stand some of Arelle's own.
_ERROR = logging.ERROR - 2
_ALONE = threading.Lock()


class Arelle:
    """Arelle with some taxonomy packages, and the taxonomies of some entry points.

    Args:
        packages: taxonomy packages, whose digests were checked.
        entry_points: addresses in them.
        formula_seconds: that the assertions of a taxonomy may take.
        known_errors: codes of errors of the taxonomies themselves that are let pass.

    Raises:
        OptionError: a package is none, an entry point or what it needs is in none of them, or a
            taxonomy has errors of its own.
        TechnicalError: Arelle is not installed.
    """

    def __init__(
        self,
        packages: Sequence[Path],
        entry_points: Sequence[str],
        formula_seconds: float,
        known_errors: Collection[str],
    ) -> None:
        self._known_errors = known_errors
        self._seconds = formula_seconds
        self._ear = Ear()
        self._evaluated = False
        self._spent: Model | None = None
        self._warm: dict[str, Model] = {}
        with _ALONE:
            self._modules = Modules.imported()
            self._cntlr = controller(self._modules, self._ear)
            cache = self._cntlr.webCache
            self._files = Files(cache.getfilename, Path(cache.builtInCacheDir))
            cache.getfilename = self._files.find
            self._cntlr.showStatus = self._is_doing
            self._add(packages)
            for entry_point in entry_points:
                self._look_at(entry_point)
            for entry_point in entry_points:
                self._warm[entry_point] = self._loaded(entry_point)

    def judge(self, entry_point: str, octets: bytes) -> tuple[Message, ...]:
        """Judge one instance.

        Args:
            entry_point: that it names: one of those that were loaded.
            octets: of the instance in UTF-8, in which nothing refers to anything else.

        Raises:
            TechnicalError: it asked for a file, or left nothing to judge.
        """
        with _ALONE:
            if self._spent is not None:
                # Not when it was judged: a process that ends now would do it for nothing.
                self._cntlr.modelManager.close(self._spent)
            model = self._spent = self._warm.pop(entry_point, None) or self._loaded(entry_point)
            self._ear.take()
            self._read(model, octets)
            self._validate(model, seconds=self._seconds)
            said = [each for each in self._ear.take() if not self._is_known(each, model)]
            if not self._evaluated:
                said.append(Said(NOT_EVALUATED, _ERROR, ()))
            # Arelle evaluates assertions in any order, and names facts so.
            return tuple(sorted((_message(each, model) for each in said), key=_order))

    def _add(self, packages: Sequence[Path]) -> None:
        """Add packages; only the addresses of this controller are mapped to them."""
        manager = self._modules.packages.PackageManager()
        manager.init(self._cntlr, loadPackagesConfig=False)
        self._cntlr.packages = self._modules.registry.PackageRegistry(manager)
        self._files.packages = tuple(each.absolute() for each in packages)
        for path in self._files.packages:
            added = self._cntlr.packages.add(str(path))
            said = self._errors()
            if added is None or said:
                raise OptionError(f"{path.name} is no taxonomy package that Arelle takes{said}")
        self._cntlr.packages.rebuild()

    def _look_at(self, entry_point: str) -> None:
        """Judge a taxonomy alone: what is wrong with it is not wrong with any instance.

        With a model of its own: one that was judged evaluates no assertions any more.
        """
        model = self._loaded(entry_point)
        self._validate(model, seconds=None)
        said = self._errors()
        self._cntlr.modelManager.close(model)
        if said:
            raise OptionError(
                f"the taxonomy of {entry_point} has errors of its own{said}: use another, or name "
                "them in taxonomy_errors when they do no harm"
            )
        if not self._evaluated:
            raise OptionError(
                f"the assertions of {entry_point} are not evaluated: a mistake of the "
                "taxonomy that taxonomy_errors lets pass is in the way"
            )

    def _loaded(self, entry_point: str) -> Model:
        self._files.missed.clear()
        model: Model = self._modules.model.load(self._cntlr.modelManager, entry_point)
        # By its own address it is only looked for in passing.
        missed = [each for each in self._files.missed if each != entry_point]
        # Filings with dimensions need it, and it is not to be looked for then.
        self._modules.document.load(model, _MEMBERS, isDiscovered=False)
        said = self._errors()
        if model.modelDocument is None or missed or said:
            lacking = f", which lack {', '.join(missed[:_SHOWN])}" if missed else said
            raise OptionError(f"{entry_point} cannot be loaded from the packages{lacking}")
        return model

    def _read(self, model: Model, octets: bytes) -> None:
        source = model.fileSource
        file, is_in_archive = source.file, source.isInArchive

        def opened(path: str, *args: object, **options: object) -> object:
            return (io.BytesIO(octets), "utf-8") if path == FILING else file(path, *args, **options)

        def is_at_hand(path: str, *args: object, **options: object) -> bool:
            return path == FILING or is_in_archive(path, *args, **options)

        source.file, source.isInArchive = opened, is_at_hand
        model.errors.clear()
        self._files.missed.clear()
        # All that a filing needs of them was loaded; what is open is shared after a fork.
        packages, self._files.packages = self._files.packages, ()
        try:
            instance = self._modules.document.load(model, FILING, isEntry=True)
            model.modelDocument = instance
            self._modules.model.loadSchemalocatedSchemas(model)
        finally:
            self._files.packages = packages
        if instance is None or self._files.missed:
            raise TechnicalError("Arelle asked for a file that the filing may not name")

    def _validate(self, model: Model, *, seconds: float | None) -> None:
        """Validate a taxonomy, or an instance in so many seconds of assertions."""
        options = self._modules.formula.FormulaOptions()
        # Without it an assertion that has no message says nothing when it does not hold.
        options.traceUnmessagedUnsatisfiedAssertions = True
        options.formulaReportTimeout = options.formulaVarSetTimeout = seconds
        manager = self._cntlr.modelManager
        manager.formulaOptions = options
        modes = self._modules.taxonomies.ValidateBaseTaxonomiesMode
        # The schemas of XBRL itself are looked at with the taxonomy, not with each instance.
        manager.baseTaxonomyValidationMode = (
            modes.DISCLOSURE_SYSTEM if seconds is None else modes.NONE
        )
        self._evaluated = not model.hasFormulae
        self._modules.validate.validate(model)

    def _is_doing(self, what: str | None, *_: object) -> None:
        """Hear what Arelle is at: of assertions it only says by this that it evaluates them."""
        if what == _EVALUATING:
            self._evaluated = True

    def _errors(self) -> str:
        """Return what was said of a taxonomy, as the rest of a sentence."""
        said = [
            each.code
            for each in self._ear.take()
            if each.level >= _ERROR and each.code not in self._known_errors
        ]
        found = list(dict.fromkeys(said))
        more = ", ..." if len(found) > _SHOWN else ""
        return f" ({', '.join(found[:_SHOWN])}{more})" if found else ""

    def _is_known(self, said: Said, model: Model) -> bool:
        """Return whether this was said of the taxonomy, and is let pass."""
        return said.code in self._known_errors and not _elements(said, model)


def _message(said: Said, model: Model) -> Message:
    assertion = said.code.removeprefix("message:") if said.code.startswith("message:") else ""
    if said.code == UNSATISFIED:
        assertion = _assertion(said, model)
    severity: Severity = "error" if said.level >= _ERROR else "warning"
    return Message(said.code, severity, _elements(said, model), assertion)


def _elements(said: Said, model: Model) -> tuple[Steps, ...]:
    """Return the elements of the instance that something is about."""
    objects = (model.modelObject(each) for each in said.objects[:_OBJECTS_MAX])
    steps = {
        _steps(each)
        for each in objects
        if isinstance(each, etree._Element)
        and getattr(each, "modelDocument", None) is model.modelDocument
    }
    return tuple(sorted(steps))


def _order(message: Message) -> tuple[bool, tuple[Steps, ...], str, str]:
    return not message.elements, message.elements, message.code, message.assertion


def _assertion(said: Said, model: Model) -> str:
    objects = (model.modelObject(each) for each in said.objects[:_OBJECTS_MAX])
    ids = (
        each.get("id")
        for each in objects
        if isinstance(each, etree._Element)
        and getattr(each, "modelDocument", None) is not model.modelDocument
    )
    return next((each for each in ids if each), "")


def _steps(node: etree._Element) -> Steps:
    steps: list[int] = []
    parent = node.getparent()
    while parent is not None:
        steps.append(parent.index(node))
        node, parent = parent, parent.getparent()
    return tuple(reversed(steps))
