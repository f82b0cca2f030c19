"""Makes the rule engine that a configuration names, and keeps it for a gateway.

An engine is an entry point of the group ``digipoort_wus.rule_engine``: a function that takes
:class:`~digipoort_wus.rules.api.EngineOptions`. Whoever may install a package may run code.
"""

import logging
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module, metadata
from threading import Lock

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.filing import Filing
from digipoort_wus.process.validators import RulesRow
from digipoort_wus.rules.api import HostedEngine, Report, RuleEngine, Stage

GROUP = "digipoort_wus.rule_engine"
_HERE = "digipoort_wus.rules."
BUILT_IN: Mapping[str, str] = {
    "workers": f"{_HERE}workers:make",
    "in-process": f"{_HERE}hosted:make_here",
}
"""By name; as in the metadata of this package, which a tree that is not installed has not."""
_ASKED = ("validate", "is_slow", "reload", "figures", "close")

_log = logging.getLogger("digipoort_wus")


class Validation:
    """The rule engine of a gateway; any thread may ask.

    Args:
        row: names the engine, and what it is made with; None: nothing is judged in this process.
        given: an engine of whoever embeds the gateway, which is asked instead; it is quick,
            and neither reloaded nor closed here.

    Raises:
        ConfigurationError: the engine cannot be made.
    """

    def __init__(self, row: RulesRow | None, given: RuleEngine | None = None) -> None:
        self._hosted = made(row) if row is not None and given is None else None
        self._engine: RuleEngine | None = self._hosted if given is None else given
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="rules-reload")
        self._lock = Lock()
        self._waiting: Future[None] | None = None
        self._closed = False

    def validate(self, filing: Filing, stage: Stage) -> Report:
        """Judge one filing at one stage.

        Raises:
            Busy: the engine has no room for it now.
        """
        if self._engine is None:
            raise RuntimeError("nothing is judged in this process")
        return self._engine.validate(filing, stage)

    def is_slow(self, filing: Filing, stage: Stage) -> bool:
        """Return whether judging it may take seconds."""
        return self._hosted is not None and self._hosted.is_slow(filing, stage)

    def figures(self) -> Mapping[str, int]:
        """Return what the engine counts and measures, by its own names."""
        return {} if self._hosted is None else self._hosted.figures()

    def reload(self) -> Future[None]:
        """Take the rule sets as they are now, in another thread; from any thread.

        Who asks again before that has begun gets the same future. It fails with a
        ConfigurationError when the old ones were kept, and is cancelled by :meth:`close`.
        """
        with self._lock:
            if self._closed:
                ended: Future[None] = Future()
                ended.cancel()
                return ended
            if self._waiting is None:
                self._waiting = self._executor.submit(self._reload)
            return self._waiting

    def close(self) -> None:
        """End the engine; what it still judges is no attempt."""
        with self._lock:
            self._closed = True
        self._executor.shutdown(wait=False, cancel_futures=True)
        if self._hosted is not None:
            self._hosted.close()
        self._executor.shutdown()

    def _reload(self) -> None:
        with self._lock:
            self._waiting = None
        if self._hosted is None:
            return
        try:
            self._hosted.reload()
        except ConfigurationError as error:
            _log.error("the old rule sets stay: %s", error, extra={"event": "rules-kept"})
            raise
        except Exception as error:
            # Of somebody else's engine: the type says enough, its text may say too much.
            kind = type(error).__name__
            _log.error("the old rule sets stay: %s", kind, extra={"event": "rules-kept"})
            raise ConfigurationError(f"The rule engine cannot reload: {kind}.") from error
        _log.info("the rule sets were read anew", extra={"event": "rules-reloaded"})


def made(row: RulesRow) -> HostedEngine:
    """Make and start the engine that a configuration names.

    Raises:
        ConfigurationError: there is none of that name, or it cannot be made.
    """
    value = _value(row)
    module, _, name = value.partition(":")
    try:
        engine: HostedEngine = getattr(import_module(module), name)(row.options)
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConfigurationError(
            f"rules.engine: {row.engine} ({value}) cannot be made: {type(error).__name__}. "
            "It is a function of an installed module that takes EngineOptions."
        ) from error
    if missing := [each for each in _ASKED if not callable(getattr(engine, each, None))]:
        raise ConfigurationError(
            f"rules.engine: what {row.engine} ({value}) returned has no method {missing[0]}."
        )
    return engine


def is_ours(row: RulesRow) -> bool:
    """Look up what a configuration names, start nothing, and return whether it is of this package.

    What another engine does with directories of rule sets, it alone knows.

    Raises:
        ConfigurationError: there is no engine of that name, or it cannot be imported.
    """
    value = _value(row)
    module, _, name = value.partition(":")
    try:
        getattr(import_module(module), name)
    except Exception as error:
        raise ConfigurationError(
            f"rules.engine: {row.engine} ({value}) cannot be imported: {type(error).__name__}."
        ) from error
    return value in BUILT_IN.values()


def _value(row: RulesRow) -> str:
    engines = installed()
    if row.engine not in engines:
        raise ConfigurationError(
            f"rules.engine: no rule engine is named {row.engine!r}; there is "
            f"{', '.join(sorted(engines))}."
        )
    return engines[row.engine]


def installed() -> Mapping[str, str]:
    """Return ``module:function`` of every rule engine, by its name.

    Raises:
        ConfigurationError: two of different packages have one name.
    """
    values = dict(BUILT_IN)
    for each in metadata.entry_points(group=GROUP):
        if each.value.startswith(_HERE):
            # Our own metadata, perhaps of another version than this tree.
            continue
        if values.setdefault(each.name, each.value) != each.value:
            raise ConfigurationError(
                f"Two rule engines are named {each.name!r}: {values[each.name]} and "
                f"{each.value}: uninstall one."
            )
    return values
