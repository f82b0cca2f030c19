"""What JSON of the interface looks like: one description that judges it and that OpenAPI tells."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from digipoort_wus.errors import Refusal
from digipoort_wus.server.backend_checks import FORM

WHOLE_MAX = 2**53 - 1
"""Beyond it readers of JSON differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text.

    Args:
        most: characters.
        words: the only ones there are; empty: any.
        pattern: that all of it has to match.
        form: a format of JSON Schema, told and not judged.
    """

    about: str = ""
    most: int = 1_024
    words: tuple[str, ...] = ()
    pattern: str = ""
    form: str = ""
    nullable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A whole number."""

    about: str = ""
    least: int = 0
    most: int = WHOLE_MAX
    nullable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """True or false."""

    about: str = ""
    nullable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A list of values of one kind."""

    item: "Shape"
    about: str = ""
    least: int = 0
    most: int = 1_000
    nullable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """Values of one kind under names of whoever writes it."""

    item: "Shape"
    about: str = ""
    most: int = 1_000
    nullable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Fields with names that are known, and no others.

    Args:
        fields: by name.
        needed: which have to be there.
    """

    fields: Mapping[str, "Shape"]
    needed: frozenset[str] = frozenset()
    about: str = ""
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A shape that the OpenAPI document has under a name."""

    name: str
    shape: Record
    about: str = field(default="")
    nullable: bool = False


Shape = Text | Whole | Truth | Listed | Mapped | Record | Named


def require(value: object, shape: Shape, at: str = "the body") -> None:
    """Require that a value that was read from JSON is of a shape.

    Args:
        at: where it stands; what stands there is never told.

    Raises:
        Refusal: BACKEND-FORM.
    """
    if value is None and shape.nullable:
        return
    match shape:
        case Text():
            _require_text(value, shape, at)
        case Whole():
            # True is a number to Python.
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not whole or not shape.least <= int(str(value)) <= shape.most:
                raise _form(at, f"a whole number from {shape.least} to {shape.most}")
        case Truth():
            if not isinstance(value, bool):
                raise _form(at, "true or false")
        case Listed():
            if not isinstance(value, list) or not shape.least <= len(value) <= shape.most:
                raise _form(at, f"a list of {shape.least} to {shape.most}")
            for number, item in enumerate(value):
                require(item, shape.item, f"{at}[{number}]")
        case Mapped():
            if not isinstance(value, dict) or len(value) > shape.most:
                raise _form(at, f"an object of at most {shape.most} members")
            for item in value.values():
                require(item, shape.item, f"a member of {at}")
        case Record():
            _require_record(value, shape, at)
        case Named():
            require(value, shape.shape, at)


def schema_of(shape: Shape) -> dict[str, object]:
    """Return a shape as JSON Schema 2020-12, as OpenAPI 3.1 has it."""
    found: dict[str, object]
    match shape:
        case Text():
            found = {"type": "string", "maxLength": shape.most}
            found |= {"enum": list(shape.words)} if shape.words else {}
            found |= {"pattern": f"^(?:{shape.pattern})$"} if shape.pattern else {}
            found |= {"format": shape.form} if shape.form else {}
        case Whole():
            found = {"type": "integer", "minimum": shape.least, "maximum": shape.most}
        case Truth():
            found = {"type": "boolean"}
        case Listed():
            found = {"type": "array", "items": schema_of(shape.item)}
            found |= {"minItems": shape.least, "maxItems": shape.most}
        case Mapped():
            found = {"type": "object", "additionalProperties": schema_of(shape.item)}
            found |= {"maxProperties": shape.most}
        case Record():
            found = {
                "type": "object",
                "properties": {name: schema_of(each) for name, each in shape.fields.items()},
                "required": sorted(shape.needed),
                "additionalProperties": False,
            }
        case Named():
            return {"$ref": f"#/components/schemas/{shape.name}"}
    if shape.nullable:
        found["type"] = [found["type"], "null"]
        if "enum" in found:
            found["enum"] = [*shape.words, None] if isinstance(shape, Text) else found["enum"]
    return found | ({"description": shape.about} if shape.about else {})


def _require_text(value: object, shape: Text, at: str) -> None:
    if not isinstance(value, str):
        raise _form(at, "a text")
    if shape.words and value not in shape.words:
        raise _form(at, f"one of {', '.join(shape.words)}")
    if len(value) > shape.most:
        raise _form(at, f"at most {shape.most} characters")
    if shape.pattern and re.fullmatch(shape.pattern, value) is None:
        raise _form(at, f"a text that matches {shape.pattern}")
    if "\0" in value or any("\ud800" <= each <= "\udfff" for each in value):
        raise _form(at, "a text of Unicode characters")


def _require_record(value: object, shape: Record, at: str) -> None:
    if not isinstance(value, dict):
        raise _form(at, "an object")
    known: Sequence[str] = sorted(shape.fields)
    if set(value) - set(known):
        raise _form(at, f"no fields but {', '.join(known)}")
    for name in sorted(shape.needed):
        if name not in value:
            raise _form(at, f"a field {name}")
    for name, item in value.items():
        require(item, shape.fields[name], f"{at}.{name}")


def _form(at: str, expected: str) -> Refusal:
    return Refusal(FORM, expected=f"{at}: {expected}")
