"""Settings as lines of TOML, each with what is to be said of it behind a #."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

LISTED_AT_MOST = 5
"""Values of one setting; of more only the number is told."""
HIDDEN = "***"
"""In the place of a number that names somebody."""
_COLUMN = 60


def set_line(setting: str, remark: str) -> str:
    """Return a setting, and behind it where it is from or why it is not in force."""
    return f"{setting.ljust(_COLUMN)}  # {remark}"


def without_effect(key: str, value: object, why_not: str) -> str:
    """Return a setting that has no effect, as a comment with the reason."""
    return set_line(f"# {key} = {toml_of(value)}", f"not in force: {why_not}")


def toml_of(value: object) -> str:
    """Return a value as TOML writes it on one line.

    Args:
        value: a text, path, number, truth, moment, or a list or mapping of them.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, str | Path):
        # JSON escapes as TOML does, except that it leaves DEL and the like as they are.
        quoted = json.dumps(str(value), ensure_ascii=False)
        return "".join(
            char if char.isprintable() or ord(char) > 0xFFFF else f"\\u{ord(char):04x}"
            for char in quoted
        )
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {toml_of(item)}' for key, item in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_of, value))}]"
    raise TypeError(f"TOML has no {type(value).__name__}")


def at_most(values: tuple[str, ...]) -> list[str]:
    """Return the first of many values, and how many more there are."""
    if len(values) <= LISTED_AT_MOST:
        return list(values)
    return [*values[:LISTED_AT_MOST], f"and {len(values) - LISTED_AT_MOST} more"]
