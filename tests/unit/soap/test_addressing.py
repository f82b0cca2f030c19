"""WS-Addressing headers: each once, each known, and answers only over the same connection."""

import pytest
from lxml import etree

from digipoort_wus.errors import Refusal
from digipoort_wus.names import AANLEVER, SOAP, WSA, WSA_ANONYMOUS, WSA_NONE
from digipoort_wus.soap.addressing import (
    DIGIKOPPELING,
    Addressing,
    Destinations,
    origin_of,
    read_addressing,
    readable_message_id,
    require_anonymous,
    require_destination,
    require_source,
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
    USUAL + endpoint("ReplyTo", WSA_ANONYMOUS, "<a:Metadata/>"): "WSA-ENDPOINT",
    USUAL + endpoint("ReplyTo", WSA_ANONYMOUS, "<a:ReferenceParameters/>"): "WSA-ENDPOINT",
    USUAL + "<a:ReplyTo/>": "WSA-ENDPOINT",
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


# --- Digikoppeling -----------------------------------------------------------------

OIN, OTHER = "00000099000000001000", "00000099000000002000"
HERE = Destinations(("/x",), None, frozenset({OIN}))


def envelope_of(headers: str, body: str = "<x/>") -> etree._Element:
    return etree.fromstring(
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{WSA}"><s:Header>{headers}</s:Header>'
        f"<s:Body>{body}</s:Body></s:Envelope>"
    )


def judged(headers: str, destinations: Destinations = HERE) -> Addressing:
    """Read a request under the rules of Digikoppeling, and require what a service does."""
    found = read_addressing(read_envelope(envelope_of(headers)), DIGIKOPPELING)
    require_destination(found, destinations, DIGIKOPPELING)
    require_anonymous(found, DIGIKOPPELING)
    return found


def usual(**changed: str) -> str:
    values = {"To": "https://x.nl/y", "Action": "urn:a:b", "MessageID": "urn:uuid:1", **changed}
    return "".join(f"<a:{name}>{value}</a:{name}>" for name, value in values.items())


GOOD = {
    "usual": usual(),
    "anonymous": usual(To=WSA_ANONYMOUS),
    "urn": usual(To="urn:oin:1"),
    "a name with an accent": usual(To="https://münchen.example/é"),
    "white space around": usual(To=" https://x.nl/y\n"),
    "CUSTOM@UUID@URI": usual(MessageID="a@ad52f2ab-5d1f-4a0b-a5b9-fb7ea0bbf3b6@x.nl"),
    "RelatesTo": usual(RelatesTo="urn:uuid:0"),
    "RelatesTo CUSTOM@UUID@URI": usual(RelatesTo="a@1@x.nl"),
    "ReplyTo": usual() + endpoint("ReplyTo", WSA_ANONYMOUS),
    "FaultTo none": usual() + endpoint("FaultTo", WSA_NONE),
    "From": usual() + endpoint("From", "https://me.nl/"),
    "From anonymous": usual() + endpoint("From", WSA_ANONYMOUS),
    "another header, none": usual(ReplyAfter=WSA_NONE),
    "another endpoint, anonymous": usual() + endpoint("Other", WSA_ANONYMOUS),
    "OIN": usual(To=f"https://x.nl/y?OIN={OIN}"),
    "OIN among others": usual(To=f"https://x.nl/y?a=1&amp;OIN={OIN}&amp;b=OIN"),
    "oin in small letters is no OIN": usual(To="https://x.nl/y?oin=1"),
    "OIN in From": usual() + endpoint("From", f"https://me.nl/?OIN={OTHER}"),
    "OIN behind half an IPv6 host": usual(To=f"urn://[x?OIN={OIN}"),
    "OIN in a fragment is no OIN": usual(To="urn:x#?OIN=1"),
    "OIN behind two question marks is another field": usual(To="urn:x??OIN=1"),
}


@pytest.mark.parametrize("case", GOOD)
def test_headers_of_digikoppeling(case: str) -> None:
    judged(GOOD[case])


ELSEWHERE = "https://elsewhere.nl/"
BAD = {
    "no To": (
        usual().partition("<a:Action")[1] + usual().partition("<a:Action")[2],
        "WSA-REQUIRED",
        "To",
    ),
    "empty To": (usual(To=""), "WSA-REQUIRED", "To"),
    "empty Action": (usual(Action=" "), "WSA-REQUIRED", "Action"),
    "empty MessageID": (usual(MessageID=""), "WSA-REQUIRED", "MessageID"),
    "relative To": (usual(To="/y"), "WSA-IRI", "To"),
    "To without host": (usual(To="https:///y"), "WSA-IRI", "To"),
    "To with a bad port": (usual(To="https://x:y/"), "WSA-IRI", "To"),
    "To with a bad host": (usual(To="https://[x/"), "WSA-IRI", "To"),
    "To with a space": (usual(To="https://x.nl/a b"), "WSA-IRI", "To"),
    "To with a quote": (usual(To='https://x.nl/"'), "WSA-IRI", "To"),
    "long To": (usual(To="urn:" + "x" * 1_024), "WSA-IRI", "To"),
    "child in To": (usual(To="<a:Address>urn:x</a:Address>"), "WSA-IRI", "To"),
    "relative Action": (usual(Action="action"), "WSA-IRI", "Action"),
    "relative MessageID": (usual(MessageID="1"), "WSA-IRI", "MessageID"),
    "half of the advised form": (usual(MessageID="a@b"), "WSA-IRI", "MessageID"),
    "relative RelatesTo": (usual(RelatesTo="x"), "WSA-IRI", "RelatesTo"),
    "twice To": (usual() + usual(), "WSA-UNIQUE", "To"),
    "twice From": (usual() + 2 * endpoint("From", "urn:x"), "WSA-UNIQUE", "From"),
    "ReplyTo": (usual() + endpoint("ReplyTo", ELSEWHERE), "WSA-ANONYMOUS", "ReplyTo"),
    "ReplyTo none": (usual() + endpoint("ReplyTo", WSA_NONE), "WSA-ANONYMOUS", "ReplyTo"),
    "FaultTo": (usual() + endpoint("FaultTo", ELSEWHERE), "WSA-ANONYMOUS", "FaultTo"),
    "another header": (usual(Other="urn:x"), "WSA-ANONYMOUS", "Other"),
    "another endpoint": (usual() + endpoint("Other", ELSEWHERE), "WSA-ANONYMOUS", "Other"),
    "FaultDetail in a request": (usual(FaultDetail="urn:x"), "WSA-ANONYMOUS", "FaultDetail"),
    "relative From": (usual() + endpoint("From", "me"), "WSA-IRI", "From"),
    "empty From": (usual() + endpoint("From", ""), "WSA-ENDPOINT", "From"),
    "ReferenceParameters": (
        usual() + endpoint("ReplyTo", WSA_ANONYMOUS, "<a:ReferenceParameters/>"),
        "WSA-ENDPOINT",
        "ReplyTo",
    ),
    "Metadata": (usual() + endpoint("From", "urn:x", "<a:Metadata/>"), "WSA-ENDPOINT", "From"),
    "no Address": (usual() + "<a:From/>", "WSA-ENDPOINT", "From"),
    "OIN of 19": (usual(To=f"https://x.nl/?OIN={OIN[:-1]}"), "WSA-OIN", "To"),
    "OIN of 21": (usual(To=f"https://x.nl/?OIN={OIN}0"), "WSA-OIN", "To"),
    "no OIN's form": (usual(To="https://x.nl/?OIN=" + "9" * 20), "WSA-OIN", "To"),
    "empty OIN": (usual(To="https://x.nl/?OIN="), "WSA-OIN", "To"),
    "twice OIN": (usual(To=f"https://x.nl/?OIN={OIN}&amp;OIN={OIN}"), "WSA-OIN", "To"),
    "twice OIN, once escaped": (usual(To=f"https://x.nl/?OIN={OIN}&amp;%4FIN=1"), "WSA-OIN", "To"),
    # What urlsplit refuses, for its own reasons, to split.
    "bad OIN behind half an IPv6 host": (usual(To="urn://[x?OIN=1"), "WSA-OIN", "To"),
    "bad OIN behind a folded host": (usual(To="foo://\u2100/?OIN=1"), "WSA-OIN", "To"),
    "OIN of From behind half an IPv6 host": (
        usual() + endpoint("From", "urn://[x?OIN=1"),
        "WSA-OIN",
        "From",
    ),
    "OIN of From": (usual() + endpoint("From", "https://x.nl/?OIN=1"), "WSA-OIN", "From"),
    "somebody else's OIN": (usual(To=f"https://x.nl/?OIN={OTHER}"), "WSA-TO", "To"),
}


@pytest.mark.parametrize("case", BAD)
def test_headers_that_digikoppeling_refuses(case: str) -> None:
    headers, check, about = BAD[case]
    with pytest.raises(Refusal) as caught:
        judged(headers)
    assert (caught.value.check.id, caught.value.about) == (check, about)


@pytest.mark.parametrize(
    ("to", "accepted"),
    [
        ("https://wus.example.nl/any", True),
        ("https://wus.example.nl:8443/any", False),
        ("https://other.example.nl/any", False),
        (WSA_ANONYMOUS, True),
        ("urn:x:y", True),
    ],
)
def test_a_host_that_is_not_ours(to: str, accepted: bool) -> None:
    known = Destinations(("/x",), ORIGINS, frozenset({OIN}))
    if accepted:
        judged(usual(To=to), known)
        return
    with pytest.raises(Refusal) as caught:
        judged(usual(To=to), known)
    assert caught.value.check.id == "WSA-TO"


def test_the_sender_speaks_for_himself_or_by_mandate() -> None:
    said = judged(usual() + endpoint("From", f"https://me.nl/?OIN={OTHER}"))
    assert (said.to_oin, said.source_oin) == (None, OTHER)
    require_source(said, OTHER, frozenset())
    require_source(said, OIN, frozenset({(OIN, OTHER)}))
    require_source(judged(usual()), OIN, frozenset())
    for mandates in (frozenset[tuple[str, str]](), frozenset({(OTHER, OIN)})):
        with pytest.raises(Refusal) as caught:
            require_source(said, OIN, mandates)
        assert caught.value.check.id == "WSA-SENDER"


def test_a_fault_may_have_a_fault_detail() -> None:
    headers = (
        usual() + "<a:FaultDetail><a:ProblemHeaderQName>a:To</a:ProblemHeaderQName></a:FaultDetail>"
    )
    read_addressing(read_envelope(envelope_of(headers, "<s:Fault/>")), DIGIKOPPELING)
    with pytest.raises(Refusal):
        read_addressing(read_envelope(envelope_of(headers, "<s:Fault/>")))


READABLE = {
    usual(): "urn:uuid:1",
    "<a:MessageID> urn:x </a:MessageID>": "urn:x",
    "": None,
    "<a:MessageID/>": None,
    "<a:MessageID>a b</a:MessageID>": None,
    f"<a:MessageID>{'x' * 1_025}</a:MessageID>": None,
    "<a:MessageID>x<b/></a:MessageID>": None,
    "<a:MessageID>x</a:MessageID>" * 2: None,
}


@pytest.mark.parametrize("headers", READABLE)
def test_what_a_fault_may_relate_to(headers: str) -> None:
    assert readable_message_id(read_envelope(envelope_of(headers))) == READABLE[headers]
