"""Mutations of octets: what lines, disks and editors do."""

from collections.abc import Callable

from hypothesis import strategies as st

from tests.mutations.draw import Draw

_PIECES = (b"<", b">", b"&", b'"', b"\0", b"\xff", b"\xc3", b"]]>", b"<![CDATA[", b"<!--", b"&x;")


def flip(data: Draw, octets: bytes) -> bytes:
    if not octets:
        return octets
    at = data.draw(st.integers(0, len(octets) - 1))
    return (
        octets[:at] + bytes([octets[at] ^ (1 << data.draw(st.integers(0, 7)))]) + octets[at + 1 :]
    )


def cut_out(data: Draw, octets: bytes) -> bytes:
    at = data.draw(st.integers(0, len(octets)))
    return octets[:at] + octets[at + data.draw(st.integers(1, 200)) :]


def put_in(data: Draw, octets: bytes) -> bytes:
    at = data.draw(st.integers(0, len(octets)))
    piece = data.draw(st.one_of(st.sampled_from(_PIECES), st.binary(min_size=1, max_size=4)))
    return octets[:at] + piece + octets[at:]


def repeat(data: Draw, octets: bytes) -> bytes:
    at = data.draw(st.integers(0, len(octets)))
    return octets[: at + data.draw(st.integers(1, 200))] + octets[at:]


def truncate(data: Draw, octets: bytes) -> bytes:
    return octets[: data.draw(st.integers(0, len(octets)))]


def byte_order_mark(data: Draw, octets: bytes) -> bytes:
    mark = data.draw(
        st.sampled_from([b"\xef\xbb\xbf", b"\xef\xbb\xbf" * 2, b"\xff\xfe", b"\xfe\xff"])
    )
    return mark + octets


def line_ends(data: Draw, octets: bytes) -> bytes:
    old, new = data.draw(
        st.sampled_from(
            [
                (b"\n", b"\r\n"),
                (b"\r\n", b"\n"),
                (b"\n", b"\r"),
                (b"\r\n", b"\r"),
                (b"><", b">\r\n<"),
            ]
        )
    )
    return octets.replace(old, new)


def encode(data: Draw, octets: bytes) -> bytes:
    encoding = data.draw(st.sampled_from(["utf-16", "utf-16-le", "utf-32", "utf-7"]))
    return octets.decode("utf-8", "replace").encode(encoding)


OCTETS: tuple[Callable[[Draw, bytes], bytes], ...] = (
    flip,
    cut_out,
    put_in,
    repeat,
    truncate,
    byte_order_mark,
    line_ends,
    encode,
)
