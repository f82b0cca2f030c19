"""Files that rules of a set need, each held to its SHA-256.

Most are shipped beside the set. What may not be passed on is added by the operator; until then
a rule that asks for it cannot be judged, which is no mistake of the set.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from digipoort_wus.rules.model import OptionError, TechnicalError
from digipoort_wus.rules.ruleset import Artefact
from digipoort_wus.rules.table import Table

_SHA256 = re.compile(r"[0-9a-f]{64}")
# Below the directory of the set, wherever that is.
_NAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z._-]*(/[0-9A-Za-z_][0-9A-Za-z._-]*)*")
_SUPPLIERS = {"operator": "operator"}
SHIPPED = Path(__file__).parent / "sets"
"""Directory of the sets of this package: an upgrade replaces it, so nobody adds files there."""


class NotHere(TechnicalError):
    """A rule asked for an artefact that the operator has not added yet.

    Args:
        artefact: that it asked for.
    """

    def __init__(self, artefact: Artefact) -> None:
        self.artefact = artefact
        told = (f"{artefact.name} is not here.", artefact.place, artefact.source)
        super().__init__(" ".join(filter(None, told)))


class Files(Mapping[str, Path]):
    """The artefacts of a set by name, as kinds see them.

    Also those that are not here yet have a name, so that a kind which takes all leaves none out
    unseen; asking for one raises :class:`NotHere`, so a kind need not know of it.
    """

    def __init__(self, artefacts: Sequence[Artefact]) -> None:
        self._listed = {each.name: each for each in artefacts}
        self._asked: set[str] = set()

    @property
    def asked(self) -> frozenset[str]:
        """Names of those that a kind asked for so far, whether they are here or not."""
        return frozenset(self._asked)

    def __getitem__(self, name: str) -> Path:
        if name not in self._listed:
            raise _NotListed(name)
        self._asked.add(name)
        artefact = self._listed[name]
        if artefact.path is None:
            raise NotHere(artefact)
        return artefact.path

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed)

    def __len__(self) -> int:
        return len(self._listed)


class _NotListed(OptionError, KeyError):
    """Both: for the author of a set, and what a mapping raises."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __str__(self) -> str:
        return f"{self._name!r} is not among the artefacts of the set: list it in [artefacts]"


def artefacts_of(table: Table, id_: str, home: Path, added: Path | None) -> tuple[Artefact, ...]:
    """Return the artefacts that a set lists, in order of their names.

    Args:
        table: of the set.
        id_: of the set.
        home: directory of its file.
        added: directory where the operator adds files for this set; looked at first.

    Raises:
        ConfigurationError: one is not listed as it must be, is not there although it is shipped,
            cannot be read, or is not what the set was made for.
    """
    return tuple(_artefact(each, id_, home, added) for each in table.named("artefacts"))


def digest_of(octets: bytes, artefacts: Sequence[Artefact]) -> str:
    """Return the SHA-256 of a set, in hexadecimal digits.

    What is hashed: the octets of its file; then of each artefact that is here, in order of their
    names, a zero octet, the name, a zero octet and its SHA-256 in hexadecimal digits. A TOML file
    has no zero octet.
    """
    whole = hashlib.sha256(octets)
    for each in artefacts:
        if each.path is not None:
            whole.update(f"\0{each.name}\0{each.sha256}".encode())
    return whole.hexdigest()


def _artefact(table: Table, id_: str, home: Path, added: Path | None) -> Artefact:
    name = table.last
    if not _NAME.fullmatch(name):
        raise table.wrong("", "it must be a plain file name, or one in a directory below the set")
    sha256 = table.matching("sha256", _SHA256, "a SHA-256: 64 digits and letters a to f")
    by_operator = table.one_of("supplied_by", _SUPPLIERS, "")
    source, optional = table.text("source", ""), table.flag("optional")
    table.done()
    if by_operator and not source:
        raise table.wrong("source", "it is missing: say where the operator gets the file")
    if optional and not by_operator:
        raise table.wrong("optional", 'it goes with supplied_by = "operator"; leave it out')
    beside = home / name
    places = [beside] if added is None or not by_operator else [added / name, beside]
    path = next((place for place in places if place.is_file()), None)
    if path is not None:
        _check(table, path, sha256)
    elif not by_operator:
        raise table.wrong("", f"{beside} is not there: put it back, or leave it out of the set")
    if not by_operator:
        return Artefact(name, sha256, path)
    if added is None and home.resolve() == SHIPPED.resolve():
        place = (
            f"Put it into a directory of yours as {id_}/{name}, and name that "
            "directory with --added, or as added in [rules]."
        )
        return Artefact(name, sha256, path, None, source, optional, place)
    place = f"Add it as {places[0]}."
    return Artefact(name, sha256, path, places[0], source, optional, place)


def _check(table: Table, path: Path, sha256: str) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise table.wrong("", f"{path} cannot be read: {error.strerror}") from error
    if found != sha256:
        raise table.wrong(
            "sha256",
            f"{path} has {found}: put back the file that the set was made for, "
            "or make a new version of the set",
        )
