"""WS-Addressing headers: each once, each known, and answers only over the same connection."""

import pytest
from lxml import etree

from digipoort_wus.errors import Refusal
from digipoort_wus.names import AANLEVER, SOAP, WSA, WSA_ANONYMOUS, WSA_NONE
from digipoort_wus.soap.addressing import (
    Addressing,
    Destinations,
    origin_of,
    read_addressing,
    require_anonymous,
    require_destination,
)
from digipoort_wus.soap.envelope import read_envelope

PATH = AANLEVER.paths[0]
USUAL = (
    f"<a:To>https://localhost{PATH}</a:To><a:Action> urn:a </a:Action>"
    "<a:MessageID>urn:uuid:1</a:MessageID>"
)


def read(headers: str) -> Addressing:
    text = (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{WSA}"><s:Header>{headers}</s:Header>'
        "<s:Body><x/></s:Body></s:Envelope>"
    )
    return read_addressing(read_envelope(etree.fromstring(text)))


def endpoint(name: str, address: str, more: str = "") -> str:
    return f"<a:{name}><a:Address>{address}</a:Address>{more}</a:{name}>"


def refused(headers: str) -> str:
    with pytest.raises(Refusal) as caught:
        require_anonymous(read(headers))
    return caught.value.check.id


def test_the_values_are_read() -> None:
    found = read(f"{USUAL}<a:RelatesTo>urn:r</a:RelatesTo>{endpoint('ReplyTo', WSA_ANONYMOUS)}")
    assert (found.action, found.message_id, found.relates_to) == ("urn:a", "urn:uuid:1", "urn:r")
    assert found.reply_to == WSA_ANONYMOUS
    assert (found.fault_to, found.source) == (None, None)
    assert len(found.blocks) == 5


REFUSED = {
    "": "WSA-REQUIRED",
    "<a:Action>urn:a</a:Action>": "WSA-REQUIRED",
    "<a:MessageID>urn:m</a:MessageID>": "WSA-REQUIRED",
    USUAL.replace("urn:uuid:1", " "): "WSA-REQUIRED",
    USUAL.replace("urn:uuid:1", "a b"): "WSA-REQUIRED",
    USUAL.replace("urn:uuid:1", "a\nb"): "WSA-REQUIRED",
    USUAL.replace("urn:uuid:1", "x" * 1_025): "WSA-REQUIRED",
    USUAL.replace("urn:uuid:1", "<b/>"): "WSA-REQUIRED",
    USUAL + "<a:Action>urn:a</a:Action>": "WSA-UNIQUE",
    USUAL + "<a:To>urn:a</a:To>": "WSA-UNIQUE",
    USUAL + "<a:Other>urn:a</a:Other>": "WSA-KNOWN",
    USUAL + "<a:to>urn:a</a:to>": "WSA-KNOWN",
    USUAL + endpoint("ReplyTo", "http://elsewhere.example.nl/"): "WSA-ANONYMOUS",
    USUAL + endpoint("ReplyTo", WSA_NONE): "WSA-ANONYMOUS",
    USUAL + endpoint("FaultTo", "http://elsewhere.example.nl/"): "WSA-ANONYMOUS",
    USUAL + endpoint("From", "urn:me"): "WSA-ANONYMOUS",
    USUAL + endpoint("ReplyTo", WSA_ANONYMOUS, "<a:Metadata/>"): "WSA-ANONYMOUS",
    USUAL + endpoint("ReplyTo", WSA_ANONYMOUS, "<a:ReferenceParameters/>"): "WSA-ANONYMOUS",
    USUAL + "<a:ReplyTo/>": "WSA-ANONYMOUS",
}


@pytest.mark.parametrize("headers", REFUSED)
def test_headers_that_are_refused(headers: str) -> None:
    assert refused(headers) == REFUSED[headers]


@pytest.mark.parametrize("name", ["FaultTo", "From"])
@pytest.mark.parametrize("address", [WSA_ANONYMOUS, WSA_NONE])
def test_other_endpoints_may_be_anonymous_or_none(name: str, address: str) -> None:
    require_anonymous(read(USUAL + endpoint(name, address)))


ORIGINS = frozenset({("https", "wus.example.nl", 443)})
TO = {
    f"https://wus.example.nl{PATH}": True,
    f"https://wus.example.nl:443{PATH}": True,
    f"https://WUS.example.NL{PATH}": True,
    f"https://wus.example.nl{PATH}/": True,
    f"https://wus.example.nl{PATH}?wsdl": True,
    f"https://wus.example.nl{PATH}#x": True,
    f"http://wus.example.nl{PATH}": False,
    f"https://wus.example.nl:8443{PATH}": False,
    f"https://wus.example.nl.evil.example{PATH}": False,
    f"https://evil.example/https://wus.example.nl{PATH}": False,
    f"https://wus.example.nl@evil.example{PATH}": False,
    f"https://wus.example.nl{PATH}x": False,
    f"https://wus.example.nl/{PATH}": False,
    f"https://wus.example.nl{PATH}/..": False,
    f"https://wus.example.nl{PATH.upper()}": False,
    f"//wus.example.nl{PATH}": False,
    "https://wus.example.nl": False,
    "https://": False,
    "urn:digipoort": False,
}


@pytest.mark.parametrize("to", TO)
def test_what_to_may_say_where_the_address_is_known(to: str) -> None:
    addressing = read(USUAL.replace(f"https://localhost{PATH}", to))
    destinations = Destinations(AANLEVER.paths, ORIGINS)
    if TO[to]:
        require_destination(addressing, destinations)
        return
    with pytest.raises(Refusal) as caught:
        require_destination(addressing, destinations)
    assert caught.value.check.id == "WSA-TO"


def test_a_request_without_to_is_refused() -> None:
    addressing = read(USUAL.replace(f"<a:To>https://localhost{PATH}</a:To>", ""))
    with pytest.raises(Refusal) as caught:
        require_destination(addressing, Destinations(AANLEVER.paths))
    assert caught.value.check.id == "WSA-REQUIRED"


NO_ORIGIN = ["", "x", "/x", "ftp://x/", "ftp://x:21/", "https://", "https://[x/", "https://x:y/"]


@pytest.mark.parametrize("url", [*NO_ORIGIN, "https://x:99999/", "mailto:x"])
def test_what_is_no_http_url_has_no_origin(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        origin_of(url)


def test_the_origin_of_a_url() -> None:
    assert origin_of("https://A.nl/x") == ("https", "a.nl", 443)
    assert origin_of("HTTP://a.nl:8080") == ("http", "a.nl", 8080)
    assert origin_of("https://[::1]:8443/") == ("https", "::1", 8443)
