"""The XPath of an ebMS signature, which leaves out what is for somebody on the way.

It is recognised and never evaluated: what it says is done by
:func:`~digipoort_wus.ebms.surviving.prune`.
"""

import re
from collections.abc import Iterator, Mapping

from digipoort_wus.ebms.names import ACTOR_NEXT, ACTOR_NEXT_MSH
from digipoort_wus.names import SOAP

_WORD = re.compile(
    r"""[ \t\r\n]*("[^"]*"|'[^']*'|[A-Za-z_][\w.-]*(?::(?!:)[A-Za-z_][\w.-]*)?|::|[()\[\]@=|])"""
    r"[ \t\r\n]*"
)
_WORDS_MAX = 30
_ACTORS = (ACTOR_NEXT_MSH, ACTOR_NEXT)


def is_ebms_xpath(text: str, namespaces: Mapping[str | None, str]) -> bool:
    """Return whether an XPath is the one of ebMS, however it is spelled; it is not evaluated.

    White space, quotes, the prefix and the order of the two actors do not matter, and neither
    does whether ``ancestor-or-self::`` is followed by ``node()``: an edition of the standard
    lacks ``node`` (so say others' messages; the text itself was not read).

    Args:
        text: of the element.
        namespaces: in scope there.

    ebMS 2.0 §4.1.3.
    """
    for prefix, namespace in namespaces.items():
        if namespace == SOAP and prefix is not None:
            if text == ebms_xpath(prefix):
                return True
            words = _words(text)
            if any(words == spelling for spelling in _spellings(prefix)):
                return True
    return False


def ebms_xpath(prefix: str) -> str:
    """Return the XPath of ebMS as it is usually written.

    Args:
        prefix: that SOAP's namespace has where it stands.
    """
    steps = (f'ancestor-or-self::node()[@{prefix}:actor="{actor}"]' for actor in _ACTORS)
    return f"not({' | '.join(steps)})"


def _spellings(prefix: str) -> Iterator[list[str]]:
    for first, second in (_ACTORS, _ACTORS[::-1]):
        for node in (["node"], []):
            step = ["ancestor-or-self", "::", *node, "(", ")", "[", "@", f"{prefix}:actor", "="]
            yield ["not", "(", *step, f'"{first}"', "]", "|", *step, f'"{second}"', "]", ")"]


def _words(text: str) -> list[str]:
    """Return the words of an XPath, literals in double quotes; none where it has others."""
    words: list[str] = []
    position = 0
    while position < len(text):
        found = _WORD.match(text, position)
        if found is None or len(words) > _WORDS_MAX:
            return []
        word = found[1]
        words.append(f'"{word[1:-1]}"' if word[0] == "'" else word)
        position = found.end()
    return words
