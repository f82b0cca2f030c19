"""Addresses in a message are never dereferenced: somebody listens at them, and hears nothing."""

import socket
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from lxml import etree

from digipoort_wus.names import DS, WSA, WSSE
from tests.messages import aanlever_body, envelope, signed
from tests.packages import package_of
from tests.wire.conftest import Running

Make = Callable[[Running, str], bytes]


def endpoint(name: str) -> Make:
    def make(running: Running, url: str) -> bytes:
        header = f'<a:{name} xmlns:a="{WSA}"><a:Address>{url}</a:Address></a:{name}>'
        root = envelope(aanlever_body(), extra_headers=header)
        if name == "ReplyTo":
            first = root[0].find(f"{{{WSA}}}ReplyTo")
            assert first is not None
            root[0].remove(first)
        return sign(running, root)

    return make


def sign(running: Running, root: etree._Element) -> bytes:
    return signed(running.identity("vendor-a"), root, created=datetime.now(UTC))


def reference(running: Running, url: str) -> bytes:
    octets = sign(running, envelope(aanlever_body()))
    root = etree.fromstring(octets)
    next(root.iter(f"{{{DS}}}Reference")).set("URI", url)
    return etree.tostring(root)


def token_reference(running: Running, url: str) -> bytes:
    root = etree.fromstring(sign(running, envelope(aanlever_body())))
    next(root.iter(f"{{{WSSE}}}Reference")).set("URI", url)
    return etree.tostring(root)


def doctype(running: Running, url: str) -> bytes:
    octets = sign(running, envelope(aanlever_body()))
    head, _, rest = octets.partition(b"?>")
    return head + f'?><!DOCTYPE x SYSTEM "{url}">'.encode() + rest


def schema_location(running: Running, url: str) -> bytes:
    xsi = "http://www.w3.org/2001/XMLSchema-instance"
    body = aanlever_body().replace(
        "<t:aanleverRequest ", f'<t:aanleverRequest xmlns:i="{xsi}" i:schemaLocation="urn:x {url}" '
    )
    return sign(running, envelope(body))


def document(running: Running, url: str) -> bytes:
    content = f'<!DOCTYPE x SYSTEM "{url}"><x/>'.encode()
    return sign(running, envelope(aanlever_body(content)))


MESSAGES: dict[str, Make] = {
    "ReplyTo": endpoint("ReplyTo"),
    "FaultTo": endpoint("FaultTo"),
    "From": endpoint("From"),
    "Reference": reference,
    "token reference": token_reference,
    "DOCTYPE": doctype,
    "schemaLocation": schema_location,
    "DOCTYPE of the document": document,
}


@pytest.mark.parametrize("name", MESSAGES)
def test_nobody_comes_to_an_address_in_a_message(gateway: Running, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        answer = gateway.post(gateway.urls[0], MESSAGES[name](gateway, url))
        assert answer.status_code in (200, 500)
        assert nobody_came(listener)


def test_nobody_comes_to_the_address_of_an_include(gateway: Running) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        package = package_of(sign(gateway, envelope(aanlever_body())))
        first = package.parts[0]
        start = first.content.index(b"cid:")
        end = first.content.index(b'"', start)
        content = first.content[:start] + url.encode() + first.content[end:]
        package = package.with_part(0, replace(first, content=content))
        answer = gateway.post(
            gateway.urls[0], package.body, **{"Content-Type": package.content_type}
        )
        assert answer.status_code == 500
        assert "XOP-INCLUDE" in answer.text
        assert nobody_came(listener)


def nobody_came(listener: socket.socket) -> bool:
    # Validation and delivery go on behind the answer.
    time.sleep(0.5)
    listener.settimeout(0.1)
    try:
        connection, _ = listener.accept()
    except TimeoutError:
        return True
    connection.close()
    return False
