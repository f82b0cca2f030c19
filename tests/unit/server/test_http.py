"""The head of a request: what is refused before anybody looks at the body."""

import pytest

from digipoort_wus import checks, limits
from digipoort_wus.errors import Refusal
from digipoort_wus.names import AANLEVER, ENDPOINTS, OPHAAL
from digipoort_wus.server.http import (
    SERVICE_AT,
    Head,
    check_charset,
    check_head,
    check_soap_action,
    http_refusal,
    public_address,
    service_for,
    wants_xsd,
)
from digipoort_wus.wss.policy import Charset, SoapAction

PATH = AANLEVER.paths[0]
TEXT_XML = {"content-type": "text/xml; charset=utf-8"}


def head(method: str = "POST", path: str = PATH, query: str = "", **headers: str) -> Head:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Head(method, path, query, {**TEXT_XML, **named})


MTOM = 'multipart/related; type="application/xop+xml"; boundary="b"; start-info="text/xml"'
ACCEPTED = {
    "mtom": head(content_type=MTOM),
    "usual": head(),
    "slash at the end": head(path=PATH + "/"),
    "no charset": head(content_type="text/xml"),
    "charset in capitals": head(content_type="TEXT/XML;CHARSET=UTF-8"),
    "utf8": head(content_type="text/xml; charset=utf8"),
    "quoted": head(content_type='text/xml; charset="utf-8"'),
    "another parameter": head(content_type="text/xml; action=x; charset=utf-8"),
    "identity": head(content_encoding="Identity"),
    "at the limit": head(content_length=str(limits.WIRE_MAX_BYTES)),
    "query": head(query="wsdl"),
    "wsdl": head("GET", query="wsdl"),
    "WSDL": head("GET", query="WSDL"),
    "xsd": head("HEAD", query="xsd=digipoort-koppelvlak-1.2.xsd"),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_heads_that_are_accepted(case: str) -> None:
    check_head(ACCEPTED[case])


REFUSED = {
    "put": (head("PUT"), checks.HTTP_METHOD),
    "lower case": (head("post"), checks.HTTP_METHOD),
    "get": (head("GET"), checks.HTTP_METHOD),
    "get of something else": (head("GET", query="wsdl2"), checks.HTTP_METHOD),
    "get of the wsdl and more": (head("GET", query="wsdl&x=1"), checks.HTTP_METHOD),
    "other path": (head(path="/"), checks.HTTP_PATH),
    "path in capitals": (head(path=PATH.upper()), checks.HTTP_PATH),
    "escaped path": (head(path=PATH.replace("w", "%77", 1)), checks.HTTP_PATH),
    "longer path": (head(path=PATH + "/x"), checks.HTTP_PATH),
    "get of another path": (head("GET", "/x", "wsdl"), checks.HTTP_PATH),
    "json": (head(content_type="application/json"), checks.HTTP_CONTENT_TYPE),
    "nothing": (head(content_type=""), checks.HTTP_CONTENT_TYPE),
    "text": (head(content_type="text"), checks.HTTP_CONTENT_TYPE),
    "two types": (head(content_type="text/xml, text/html"), checks.HTTP_CONTENT_TYPE),
    "second type": (
        head(content_type="text/xml; charset=utf-8, text/html"),
        checks.HTTP_CONTENT_TYPE,
    ),
    "mtom without a boundary": (
        head(content_type='multipart/related; type="application/xop+xml"'),
        checks.HTTP_CONTENT_TYPE,
    ),
    "mtom elsewhere": (head(path=OPHAAL.paths[0], content_type=MTOM), checks.HTTP_CONTENT_TYPE),
    "mtom compressed": (
        head(content_type=MTOM, content_encoding="gzip"),
        checks.HTTP_ENCODING,
    ),
    "latin-1": (head(content_type="text/xml; charset=iso-8859-1"), checks.HTTP_CHARSET),
    "utf-16": (head(content_type='text/xml; charset="utf-16"'), checks.HTTP_CHARSET),
    "spaces around": (head(content_type="text/xml ; charset = utf-7"), checks.HTTP_CHARSET),
    "gzip": (head(content_encoding="gzip"), checks.HTTP_ENCODING),
    "over the limit": (
        head(content_length=str(limits.WIRE_MAX_BYTES + 1)),
        checks.HTTP_SIZE,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_heads_that_are_refused(case: str) -> None:
    refused, check = REFUSED[case]
    with pytest.raises(Refusal) as caught:
        check_head(refused)
    assert caught.value.check is check
    answer = http_refusal(caught.value)
    assert answer.status == check.http
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.body.count(b"\n") == 1
    assert ("Allow" in answer.headers) == (answer.status == 405)


def test_every_path_leads_to_its_service() -> None:
    assert len(SERVICE_AT) == 12
    for service in ENDPOINTS.values():
        for path in service.paths:
            assert service_for(head(path=path)) is service
    assert service_for(head(path="/cpl/ophaalservice/services/OphaalService_V1_2")) is OPHAAL


ACTION = AANLEVER.request_action(AANLEVER.operations[0])
SOAP_ACTIONS: dict[str | None, bool] = {
    None: True,
    "": True,
    '""': True,
    ' "" ': True,
    ACTION: True,
    f'"{ACTION}"': True,
    "aanleverenRequest": True,
    '"aanleverenRequest"': True,
    "aanleveren": False,
    "AanleverenRequest": False,
    f"{ACTION}/": False,
    f"{ACTION}, {ACTION}": False,
    "AanleverService/aanleverenRequest": False,
    "urn:other": False,
}


def assert_soap_action(value: str | None, rule: SoapAction, accepted: bool) -> None:
    if accepted:
        check_soap_action(value, ACTION, rule)
        return
    with pytest.raises(Refusal) as caught:
        check_soap_action(value, ACTION, rule)
    assert (caught.value.check, caught.value.about) == (checks.WSA_SOAP_ACTION, "Action")


@pytest.mark.parametrize("value", SOAP_ACTIONS)
def test_soap_actions(value: str | None) -> None:
    assert_soap_action(value, SoapAction.LENIENT, SOAP_ACTIONS[value])


@pytest.mark.parametrize("value", SOAP_ACTIONS)
def test_soap_actions_of_digikoppeling_are_quoted(value: str | None) -> None:
    accepted = value is not None and value.strip() in ('""', f'"{ACTION}"')
    assert_soap_action(value, SoapAction.QUOTED, accepted)


CONTENT_TYPES = {
    "text/xml": False,
    "text/xml; charset=utf-8": True,
    "text/xml;charset=UTF-8": True,
    'text/xml; action="x"; charset="utf-8"': True,
    "text/xml; action=x": False,
    "text/xml; xcharset=utf-8": False,
}


@pytest.mark.parametrize("value", CONTENT_TYPES)
def test_digikoppeling_wants_the_charset_named(value: str) -> None:
    named = Head("POST", PATH, "", {"content-type": value})
    check_charset(named, Charset.OPTIONAL)
    if CONTENT_TYPES[value]:
        check_charset(named, Charset.REQUIRED)
        return
    with pytest.raises(Refusal) as caught:
        check_charset(named, Charset.REQUIRED)
    assert caught.value.check is checks.XML_ENCODING


HOSTS = {
    "wus.example.nl": "wus.example.nl",
    "wus.example.nl:443": "wus.example.nl:443",
    "[::1]:8443": "[::1]:8443",
    "": "fallback:1",
    "a b": "fallback:1",
    "a/b": "fallback:1",
    'a"b': "fallback:1",
    "user@a": "fallback:1",
    "a, b": "fallback:1",
    "a:123456": "fallback:1",
    "a\n": "fallback:1",
    "x" * 254: "fallback:1",
}


@pytest.mark.parametrize("host", HOSTS)
def test_the_address_that_a_client_sees(host: str) -> None:
    address = public_address(head(host=host), AANLEVER, "fallback:1")
    assert address == f"https://{HOSTS[host]}{PATH}"


def test_the_schema_or_the_wsdl() -> None:
    assert wants_xsd(head(query="XSD=x"))
    assert not wants_xsd(head(query="wsdl"))
