"""Finds the kinds of rules: those of this package, and plug-ins of others.

A plug-in is an entry point of the group ``digipoort_wus.rule_kinds``: its name is what a rule
``use``s, its value the object. It is imported when a rule first uses it, so that one which is
broken hinders nobody else. Whoever may install a package may run code: plug-ins are trusted.
"""

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module, metadata
from typing import TypeGuard

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.rules.model import Cost, Kind

GROUP = "digipoort_wus.rule_kinds"
_HERE = "digipoort_wus.rules.kinds"
BUILT_IN: Mapping[str, str] = {
    "file-name": f"{_HERE}.envelope:FILE_NAME",
    "mime-type": f"{_HERE}.envelope:MIME_TYPE",
    "size": f"{_HERE}.envelope:SIZE",
    "attachments": f"{_HERE}.envelope:ATTACHMENTS",
    "not-empty": f"{_HERE}.octets:NOT_EMPTY",
    "no-doctype": f"{_HERE}.octets:NO_DOCTYPE",
    "well-formed": f"{_HERE}.wellformed:WELL_FORMED",
    "schema-ref": f"{_HERE}.schemaref:SCHEMA_REF",
    "identity": f"{_HERE}.identity:IDENTITY",
    "xpath": f"{_HERE}.xpath:XPATH",
    "xsd": f"{_HERE}.xsd:XSD",
    "sum": f"{_HERE}.sums:SUM",
    "unique": f"{_HERE}.unique:UNIQUE",
    "fr-nl": f"{_HERE}.frnl:FR_NL",
    "schematron": f"{_HERE}.schematron:SCHEMATRON",
    "xsd11": f"{_HERE}.xsd11:XSD11",
    "xbrl": f"{_HERE}.xbrl:XBRL",
}
"""By name; as in the metadata of this package, which a tree that is not installed has not."""


class Kinds(Mapping[str, Kind]):
    """Kinds by name, each imported when it is first asked for.

    Args:
        values: ``module:object`` by name.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)
        self._found: dict[str, Kind] = {}

    def __getitem__(self, name: str) -> Kind:
        if name not in self._found:
            self._found[name] = _imported(name, self._values[name])
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        # Without an import.
        return name in self._values

    def where(self, name: str) -> str:
        """Return ``module:object`` of a kind."""
        return self._values[name]


def installed_kinds() -> Kinds:
    """Find the kinds of this package and of installed plug-ins.

    Raises:
        ConfigurationError: two plug-ins have one name, or one has the name of a built-in kind.
    """
    return kinds_of(metadata.entry_points(group=GROUP))


def kinds_of(entry_points: Iterable[metadata.EntryPoint]) -> Kinds:
    """Join plug-ins to the kinds of this package.

    Args:
        entry_points: of the group; one that stands there twice counts once.

    Raises:
        ConfigurationError: two plug-ins have one name, or one has the name of a built-in kind.
    """
    values = dict(BUILT_IN)
    for each in entry_points:
        if each.value.startswith(f"{_HERE}."):
            # Our own metadata, perhaps of another version than this tree.
            continue
        if values.setdefault(each.name, each.value) != each.value:
            raise ConfigurationError(
                f"Two kinds of rules are named {each.name!r}: {values[each.name]} and "
                f"{each.value}{_whose(each)}: uninstall one."
            )
    return Kinds(values)


def _whose(entry_point: metadata.EntryPoint) -> str:
    return "" if entry_point.dist is None else f" of {entry_point.dist.name}"


def _imported(name: str, value: str) -> Kind:
    module, _, attribute = value.partition(":")
    try:
        found: object = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise ConfigurationError(
            f"kind {name} ({value}) cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not _is_kind(found):
        raise ConfigurationError(
            f"kind {name} ({value}) is no kind: it must be an object with name, cost and compile"
        )
    if found.name != name:
        raise ConfigurationError(f"kind {name} ({value}) calls itself {found.name!r}")
    return found


def _is_kind(found: object) -> TypeGuard[Kind]:
    return (
        not isinstance(found, type)
        and isinstance(getattr(found, "name", None), str)
        and isinstance(getattr(found, "cost", None), Cost)
        and callable(getattr(found, "compile", None))
    )
