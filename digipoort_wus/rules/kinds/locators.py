"""Where an element stands: names from the root, or the last of them.

``{namespace}name`` is an element anywhere, ``{namespace}parent/{namespace}name`` one within such
a parent, and with a ``/`` before it a locator says all names from the root. A ``*`` in a namespace
stands for any characters, for its year or version.
"""

import re
from collections.abc import Sequence

from digipoort_wus.rules.model import OptionError

_STEP = re.compile(r"(?:\{([^{}]*)\})?([^{}/*\s]+)")
_LOCATOR = re.compile(rf"/?{_STEP.pattern}(?:/{_STEP.pattern})*")


class Locator:
    """Tells whether an element is meant, of which all names from the root are known."""

    def __init__(self, text: str) -> None:
        if not _LOCATOR.fullmatch(text):
            raise OptionError(
                f"{text!r} is no place of an element: write {{namespace}}name, "
                "with a / between the names when there are several"
            )
        self._rooted = text.startswith("/")
        self.local_name = text.rpartition("/")[2].rpartition("}")[2]
        """Of the element itself."""
        self._steps = tuple(
            re.compile(_namespace(found[1]) + re.escape(found[2])) for found in _STEP.finditer(text)
        )

    def matches(self, names: Sequence[str]) -> bool:
        """Return whether the element with these names from the root is meant."""
        number = len(self._steps)
        if len(names) < number or (self._rooted and len(names) != number):
            return False
        return all(
            step.fullmatch(name)
            for step, name in zip(self._steps, names[len(names) - number :], strict=True)
        )


class Locators:
    """Several locators; finds the first that means an element."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._by_name: dict[str, list[tuple[int, Locator]]] = {}
        for number, text in enumerate(texts):
            locator = Locator(text)
            self._by_name.setdefault(locator.local_name, []).append((number, locator))

    def find(self, name: str, names: Sequence[str]) -> int | None:
        """Return the number of the locator that means an element; None when there is none.

        Args:
            name: of the element.
            names: from the root to the element.
        """
        candidates = self._by_name.get(name[name.rfind("}") + 1 :])
        if candidates is not None:
            for number, locator in candidates:
                if locator.matches(names):
                    return number
        return None


def _namespace(namespace: str | None) -> str:
    if not namespace:
        return ""
    return r"\{" + "[^}]*".join(map(re.escape, namespace.split("*"))) + r"\}"
