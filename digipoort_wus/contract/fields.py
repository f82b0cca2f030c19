"""What the models of messages are made of.

Every leaf is text: lengths and types are checked by the schema before Spyne
sees a message, and dateTime and base64 are read and written by ``mapping``.
"""

from typing import Any

from spyne import Unicode

Member = tuple[str, Any]
"""The name of an element and its model."""

TEXT = Unicode(min_occurs=1)
OPTIONAL = Unicode(min_occurs=0)


def sequence(*members: Member) -> list[Member]:
    """Return elements in the order in which they stand."""
    return list(members)


def optional(model: Any) -> Any:
    """Return a model that may be absent."""
    return model.customize(min_occurs=0)


def many(model: Any, least: int = 0) -> Any:
    """Return a model that may stand there any number of times, at least so many."""
    return model.customize(min_occurs=least, max_occurs="unbounded")
