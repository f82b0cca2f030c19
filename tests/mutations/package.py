"""Mutations of MTOM packages: which part is whose."""

import base64
from collections.abc import Callable
from dataclasses import replace

from hypothesis import strategies as st
from lxml import etree

from tests.mutations.draw import Draw
from tests.mutations.octets import OCTETS
from tests.packages import ROOT, Package, Part
from tests.subjects import INHOUD, PARSER


def _any_part(data: Draw, package: Package) -> int:
    return data.draw(st.integers(0, len(package.parts) - 1))


def change_content(data: Draw, package: Package) -> Package:
    number = _any_part(data, package)
    part = package.parts[number]
    change = data.draw(st.sampled_from(OCTETS))
    return package.with_part(number, replace(part, content=change(data, part.content)))


def swap_parts(data: Draw, package: Package) -> Package:
    return replace(package, parts=tuple(data.draw(st.permutations(package.parts))))


def swap_content_ids(data: Draw, package: Package) -> Package:
    one, other = _any_part(data, package), _any_part(data, package)
    first, second = package.parts[one], package.parts[other]
    package = package.with_part(one, replace(first, content_id=second.content_id))
    return package.with_part(other, replace(second, content_id=first.content_id))


def drop_part(data: Draw, package: Package) -> Package:
    number = _any_part(data, package)
    return replace(package, parts=package.parts[:number] + package.parts[number + 1 :])


def add_part(data: Draw, package: Package) -> Package:
    content_id = data.draw(st.sampled_from(["more@b", package.parts[-1].content_id]))
    content = data.draw(st.sampled_from([b"", b"x", package.parts[0].content]))
    at = data.draw(st.integers(0, len(package.parts)))
    parts = (*package.parts[:at], Part(content_id, content), *package.parts[at:])
    return replace(package, parts=parts)


def change_headers(data: Draw, package: Package) -> Package:
    number = _any_part(data, package)
    part = package.parts[number]
    headers = [
        ("Content-Type", part.content_type),
        ("Content-Transfer-Encoding", "binary"),
        ("Content-ID", f"<{part.content_id}>"),
    ]
    more = data.draw(
        st.sampled_from(
            [
                ("Content-Transfer-Encoding", "base64"),
                ("Content-ID", f"<{package.parts[0].content_id}>"),
                ("Content-Length", str(len(part.content))),
                ("Content-Length", "3"),
                ("Content-Encoding", "gzip"),
                ("Content-Type", 'application/xop+xml; charset=UTF-8; type="text/xml"'),
                ("X-Other", "x"),
            ]
        )
    )
    at = data.draw(st.integers(0, 2))
    if data.draw(st.booleans()):
        headers[at] = more
    else:
        headers.insert(at, more)
    return package.with_part(number, replace(part, headers=headers))


def other_href(data: Draw, package: Package) -> Package:
    number = root_of(package)
    names = [part.content_id for part in package.parts]
    new = data.draw(st.sampled_from([*names, "x", names[-1].replace("@", "%40")]))
    old = data.draw(st.sampled_from(names))
    root = package.parts[number]
    content = root.content.replace(f"cid:{old}".encode(), f"cid:{new}".encode())
    return package.with_part(number, replace(root, content=content))


def inline_again(data: Draw, package: Package) -> Package:
    """Put base64 where an Include was: the same message, unless it is written otherwise."""
    number = root_of(package)
    root = etree.fromstring(package.parts[number].content, PARSER)
    found = [element for element in root.iter(INHOUD) if len(element)]
    if not found:
        return package
    element = data.draw(st.sampled_from(found))
    name = str(element[0].get("href"))[4:]
    part = next((part for part in package.parts if part.content_id == name), None)
    if part is None:
        return package
    text = base64.b64encode(part.content).decode()
    element.remove(element[0])
    element.text = data.draw(st.sampled_from([text, f"{text}\n", text[:4] + " " + text[4:]]))
    envelope = replace(package.parts[number], content=etree.tostring(root))
    parts = [other for other in package.with_part(number, envelope).parts if other != part]
    return replace(package, parts=tuple(parts))


def root_of(package: Package) -> int:
    """Return the number of the part that start names, or of the first."""
    ids = [part.content_id for part in package.parts]
    return ids.index(ROOT) if ROOT in ids else 0


PACKAGE: tuple[Callable[[Draw, Package], Package], ...] = (
    change_content,
    swap_parts,
    swap_content_ids,
    drop_part,
    add_part,
    change_headers,
    other_href,
    inline_again,
)
