"""MTOM packages for tests: written from signed messages by a writer of their own."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from lxml import etree

from digipoort_wus.names import TYPES

XOP = "http://www.w3.org/2004/08/xop/include"
BOUNDARY = "uuid:e4c19840-745d-45b2-90ca-12d71be4cfd9"
ROOT = "root.message@example.nl"
ROOT_TYPE = 'application/xop+xml; charset=UTF-8; type="text/xml"'


@dataclass(frozen=True)
class Part:
    """One part of a package.

    Args:
        headers: as they are written; None for the usual ones.
    """

    content_id: str
    content: bytes = field(repr=False)
    content_type: str = "application/octet-stream"
    headers: Sequence[tuple[str, str]] | None = None

    def octets(self) -> bytes:
        headers = self.headers
        if headers is None:
            headers = (
                ("Content-Type", self.content_type),
                ("Content-Transfer-Encoding", "binary"),
                ("Content-ID", f"<{self.content_id}>"),
            )
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        return lines.encode("latin-1") + b"\r\n" + self.content


@dataclass(frozen=True)
class Package:
    """A package: its Content-Type and its parts, the envelope first."""

    parts: tuple[Part, ...]
    boundary: str = BOUNDARY
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    """Of the Content-Type, beside or instead of the usual ones; None leaves one out."""

    @property
    def content_type(self) -> str:
        parameters: dict[str, str | None] = {
            "type": "application/xop+xml",
            "start": f"<{ROOT}>",
            "start-info": "text/xml",
            "boundary": self.boundary,
            **self.parameters,
        }
        written = [f'{name}="{value}"' for name, value in parameters.items() if value is not None]
        return "; ".join(["multipart/related", *written])

    @property
    def body(self) -> bytes:
        delimiter = b"--" + self.boundary.encode("ascii")
        pieces = [delimiter + b"\r\n" + part.octets() + b"\r\n" for part in self.parts]
        return b"".join([*pieces, delimiter, b"--\r\n"])

    def with_part(self, number: int, part: Part) -> "Package":
        parts = (*self.parts[:number], part, *self.parts[number + 1 :])
        return replace(self, parts=parts)


def package_of(message: bytes, *, also: Sequence[str] = ()) -> Package:
    """Return the package of a signed message: what was base64 in an inhoud is a part.

    Args:
        also: local names of other elements of base64 that are optimised.
    """
    root = etree.fromstring(message, etree.XMLParser(huge_tree=True))
    parts = []
    names = [f"{{{TYPES}}}inhoud", *(f"{{*}}{name}" for name in also)]
    for number, element in enumerate(root.iter(*names), 1):
        content_id = f"{number}-of-many@example.nl"
        parts.append(Part(content_id, base64.b64decode(element.text or "")))
        element.text = None
        include = etree.SubElement(element, f"{{{XOP}}}Include", nsmap={"xop": XOP})
        include.set("href", f"cid:{content_id}")
    return Package((Part(ROOT, etree.tostring(root), ROOT_TYPE), *parts))
