"""The findings of a 311, for people: read from its ``statusdetails``."""

import re

from lxml import etree

from digipoort_wus.errors import Refusal
from digipoort_wus.process.details import BATAVIA
from digipoort_wus.xmlsafe.parse import parse_document

# At the end of a text; programs read it in the details themselves.
_PATH = re.compile(r" \((?P<path>/\S*)(?: \(regel [0-9]{1,9}\))?\)\Z")
_LAST_NAME = re.compile(r"local-name\(\)='([^']*)'")


def findings_of(details: str | None) -> list[str]:
    """Return the findings in details, one text each; none of details of another shape.

    Where one stands is said as a line, or else as the name of its element: never as an XPath.
    What is only a warning is called so.

    Args:
        details: of a status, as an answer has them: an agency puts anything there.
    """
    if details is None or BATAVIA not in details:
        return []
    try:
        root = parse_document(details.encode())
    except (Refusal, UnicodeEncodeError):
        return []
    if root.tag != f"{{{BATAVIA}}}results":
        return []
    return [_text(one) for one in root.iter(f"{{{BATAVIA}}}msg") if one.text]


def _text(message: etree._Element) -> str:
    text, line = _marked(message.text or "", message), message.get("line", "0")
    name = ""
    if found := _PATH.search(text):
        text, name = text[: found.start()], _name(found["path"])
    if line != "0":
        return (
            text if re.search(rf"\bregel {re.escape(line)}\b", text) else f"{text} (regel {line})"
        )
    return f"{text} ({name})" if name and name not in text else text


def _marked(text: str, message: etree._Element) -> str:
    """Return a text that says so when it is a warning: it is not why a filing was refused."""
    code = f"{message.get('id')}: "
    if message.get("level") != "warning" or not text.startswith(code):
        return text
    return f"{code[:-2]} (waarschuwing): {text.removeprefix(code)}"


def _name(path: str) -> str:
    """Return the element, or the attribute, that an XPath ends with."""
    last = path.rpartition("/")[2]
    found = _LAST_NAME.search(last)
    return found[1] if found else last
