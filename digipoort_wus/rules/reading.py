"""Reads a document once for all rules that read it together.

First the octets, for those that look at octets: what they find fatal is not parsed. Then one
walk along its elements. What one rule raises ends that rule alone.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePath
from typing import Generic, TypeAlias, TypeVar, get_args

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.filing.content import open_content
from digipoort_wus.filing.finding import Severity
from digipoort_wus.rules.model import (
    Hit,
    Listen,
    Listener,
    OctetReader,
    Read,
    TechnicalError,
    Unfinished,
)
from digipoort_wus.rules.subject import Subject, TooLarge
from digipoort_wus.rules.texts import shown
from digipoort_wus.xmlsafe.walk import Place, walk_stream, walk_tree

T = TypeVar("T")
HITS_MAX = 100
"""Of one rule; after that only the first of each code: none is to hide another."""
ENDLESS = 100_000
"""Hits after which a rule is not asked for more."""
_WHY_MAX = 300
_FILE_NAME_MAX = 60
_SEVERITIES = (None, *get_args(Severity))


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule could not be judged.

    Args:
        why: for the operator.
        hits: what it had found before; counts when it refuses the filing.
    """

    why: str
    hits: tuple[Hit, ...] = ()


Judged: TypeAlias = tuple[Hit, ...] | Broken


@dataclass(frozen=True, slots=True)
class Walked:
    """What a walk came to.

    Args:
        judged: what each listener said; empty when the document could not be parsed.
        refusal: why it could not: the filer's mistake.
        technical: why it could not: nobody's mistake but ours.
    """

    judged: Mapping[int, Judged]
    refusal: Refusal | None = None
    technical: str = ""


def guarded(look: Callable[[], Iterable[Hit]]) -> Judged:
    """Return the hits of a rule, or that it broke; of very many hits some of each code."""
    try:
        return _kept(look())
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return _why(error)


def read_octets(subject: Subject, rules: Mapping[int, Read]) -> Mapping[int, Judged]:
    """Let rules read the octets of a document.

    Args:
        subject: whose document.
        rules: by any number.
    """
    if not rules:
        return {}
    readers = _Readers({key: partial(rule.begin, subject) for key, rule in rules.items()})
    try:
        for piece in subject.pieces():
            readers.read(piece)
    except Exception as error:
        broken = Broken(_unreadable(error))
        return dict.fromkeys(rules, broken)
    return readers.judged()


def walk(subject: Subject, rules: Mapping[int, Listen], *, tree: bool) -> Walked:
    """Parse a document, and let rules listen.

    Args:
        subject: whose document.
        rules: by any number.
        tree: some rule needs the tree; only then is one made.
    """
    place = Place()
    ears = _Ears({key: partial(rule.begin, subject, place) for key, rule in rules.items()})
    told = (ears,) if rules else ()
    try:
        if tree and subject.fits_a_tree:
            root = subject.tree()
            if told:
                walk_tree(root, place, told)
        else:
            with open_content(subject.content) as source:
                walk_stream(source, subject.size, place, told)
    except Refusal as refusal:
        if refusal.check is checks.XML_LIMIT:
            return Walked({}, technical=f"the document exceeds a limit: {refusal.expected}")
        return Walked({}, refusal)
    except MemoryError:
        return Walked({}, technical="no memory to parse the document")
    except Exception as error:
        # Of where the octets are kept, for listeners raise nothing.
        return Walked({}, technical=_unreadable(error))
    return Walked(ears.judged())


class _Together(Generic[T]):
    """Rules that are told the same; one that has raised is told no more.

    Args:
        begins: make what is told, by any number.
    """

    def __init__(self, begins: Mapping[int, Callable[[], T]]) -> None:
        self._keys = tuple(begins)
        self._broken: dict[int, Broken] = {}
        # Told millions of times, so what is told is at hand.
        self._told: tuple[tuple[int, T], ...] = ()
        for key, begin in begins.items():
            try:
                self._told += ((key, begin()),)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self._fail(key, error)

    def _fail(self, key: int, error: BaseException) -> None:
        self._broken[key] = _why(error)
        self._told = tuple(each for each in self._told if each[0] != key)

    def _judged(self, hits: Callable[[T], Iterable[Hit]]) -> Mapping[int, Judged]:
        found: dict[int, Judged] = {
            key: guarded(partial(hits, listening)) for key, listening in self._told
        }
        return {key: self._broken[key] if key in self._broken else found[key] for key in self._keys}


class _Readers(_Together[OctetReader]):
    def read(self, piece: bytes) -> None:
        for key, reader in self._told:
            try:
                reader.read(piece)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self._fail(key, error)

    def judged(self) -> Mapping[int, Judged]:
        return self._judged(lambda reader: reader.hits())


class _Ears(_Together[Listener]):
    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        for key, listener in self._told:
            try:
                listener.start(name, attributes)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self._fail(key, error)

    def end(self, name: str, text: str) -> None:
        for key, listener in self._told:
            try:
                listener.end(name, text)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self._fail(key, error)

    def judged(self) -> Mapping[int, Judged]:
        return self._judged(lambda listener: listener.hits())


def _kept(hits: Iterable[Hit]) -> Judged:
    kept: list[Hit] = []
    seen: set[tuple[str, str | None]] = set()
    try:
        for number, hit in enumerate(hits, 1):
            if not _is_hit(hit):
                return Broken("gave something that is no hit")
            mark = hit.code, hit.severity
            if len(kept) < HITS_MAX or mark not in seen:
                seen.add(mark)
                kept.append(hit)
            if number == ENDLESS:
                return Broken(f"gave {ENDLESS} hits, and was not asked for more", tuple(kept))
    except Unfinished as error:
        return replace(_why(error), hits=tuple(kept))
    return tuple(kept)


def _is_hit(hit: object) -> bool:
    """Return whether a hit is of the types that it must be, to which a plug-in is not held."""
    if not isinstance(hit, Hit) or hit.severity not in _SEVERITIES:
        return False
    shape: tuple[tuple[object, type], ...] = (
        (hit.code, str),
        (hit.where, str),
        (hit.line, int),
        (hit.values, Mapping),
    )
    return all(isinstance(value, wanted) for value, wanted in shape)


def _unreadable(error: Exception) -> str:
    return f"the document could not be read: {type(error).__name__}"


def _why(error: BaseException) -> Broken:
    if isinstance(error, TechnicalError | TooLarge):
        with suppress(Exception):
            return Broken(shown(str(error), _WHY_MAX))
    where = ""
    with suppress(Exception):
        where = _raised_at(error)
    # Its message may hold what was filed; where it was raised helps who has written the kind.
    return Broken(f"raised {type(error).__name__}{where}")


def _raised_at(error: BaseException) -> str:
    """Return the file name and the line of the last frame; empty when there is none."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return ""
    file_name = PurePath(last.tb_frame.f_code.co_filename).name
    return f" at {shown(file_name, _FILE_NAME_MAX)}:{last.tb_lineno}"
