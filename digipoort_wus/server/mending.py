"""Takes one mistake out of a copy of a message, so that the checks behind it can speak.

For explanations only. The copy is for judging and is never signed, answered or kept;
what is said about signatures is said of the message as it came.
"""

from collections.abc import Mapping
from types import MappingProxyType

from lxml import etree

from digipoort_wus.names import SOAP, WSA, WSA_ANONYMOUS
from digipoort_wus.server import mendsecurity
from digipoort_wus.server.draft import HEADER, Draft, Mend, only_text, operation_of, remove
from digipoort_wus.soap.envelope import SECURITY, local_name, namespace

_TEXTS, _ENDPOINTS = ("To", "Action", "MessageID", "RelatesTo"), ("ReplyTo", "FaultTo", "From")


def mend(check_id: str, draft: Draft) -> bool:
    """Take out what a check refused; False when that cannot be done."""
    mender = _MENDERS.get(check_id)
    return mender is not None and mender(draft)


def _charset(draft: Draft) -> bool:
    draft.headers["content-type"] = "text/xml; charset=utf-8"
    return True


def _soap_action(draft: Draft) -> bool:
    action = draft.child(HEADER, f"{{{WSA}}}Action")
    if action is None:
        return False
    draft.headers["soapaction"] = f'"{(action.text or "").strip()}"'
    return True


def _foreign_headers(draft: Draft) -> bool:
    header = draft.child(HEADER)
    return remove(header, lambda block: namespace(block) != WSA and block.tag != SECURITY)


def _soap_attributes(draft: Draft) -> bool:
    for element in draft.root.iter(etree.Element):
        element.attrib.pop(f"{{{SOAP}}}encodingStyle", None)
        if element.get(f"{{{SOAP}}}mustUnderstand") not in (None, "0", "1"):
            element.set(f"{{{SOAP}}}mustUnderstand", "1")
    return True


def _known_headers(draft: Draft) -> bool:
    names = (*_TEXTS, *_ENDPOINTS)
    return remove(
        draft.child(HEADER),
        lambda block: namespace(block) == WSA and local_name(block) not in names,
    )


def _unique_headers(draft: Draft) -> bool:
    seen: set[str] = set()

    def is_second(block: etree._Element) -> bool:
        tag = str(block.tag)
        if tag not in seen:
            seen.add(tag)
            return False
        return namespace(block) == WSA

    return remove(draft.child(HEADER), is_second)


def _required_headers(draft: Draft) -> bool:
    operation = operation_of(draft)
    if operation is None:
        return False
    values = {
        "To": f"https://localhost{draft.service.paths[0]}",
        "Action": draft.service.request_action(operation),
        "MessageID": "urn:uuid:00000000-0000-4000-8000-000000000000",
    }
    header = draft.child(HEADER)
    if header is None:
        header = etree.Element(HEADER)
        draft.root.insert(0, header)
    for name, value in values.items():
        block = header.find(f"{{{WSA}}}{name}")
        if block is None:
            block = etree.SubElement(header, f"{{{WSA}}}{name}")
            mendsecurity.sign(draft, block)
        if len(block) or not (block.text or "").strip() or len((block.text or "").split()) > 1:
            only_text(block, value)
    return True


def _action(draft: Draft) -> bool:
    action, operation = draft.child(HEADER, f"{{{WSA}}}Action"), operation_of(draft)
    if action is None or operation is None:
        return False
    wanted = draft.service.request_action(operation)
    if (action.text or "").strip() == wanted:
        return False
    only_text(action, wanted)
    if "soapaction" in draft.headers:
        draft.headers["soapaction"] = f'"{wanted}"'
    return True


def _to(draft: Draft) -> bool:
    to = draft.child(HEADER, f"{{{WSA}}}To")
    if to is None:
        return False
    only_text(to, f"https://localhost{draft.service.paths[0]}")
    return True


def _endpoints(draft: Draft) -> bool:
    header = draft.child(HEADER)
    found = [] if header is None else [b for b in header if local_name(b) in _ENDPOINTS]
    for block in found:
        for child in list(block):
            block.remove(child)
        block.text = None
        etree.SubElement(block, f"{{{WSA}}}Address").text = WSA_ANONYMOUS
    return bool(found)


def _no_security(draft: Draft) -> bool:
    return remove(draft.child(HEADER), lambda block: block.tag == SECURITY)


_MENDERS: Mapping[str, Mend] = MappingProxyType(
    {
        "HTTP-CHARSET": _charset,
        "SOAP-HEADER-FOREIGN": _foreign_headers,
        "SOAP-BASIC-PROFILE": _soap_attributes,
        "WSA-KNOWN": _known_headers,
        "WSA-UNIQUE": _unique_headers,
        "WSA-REQUIRED": _required_headers,
        "WSA-IRI": _required_headers,
        "WSA-ACTION": _action,
        "WSA-BODY": _action,
        "WSA-SOAP-ACTION": _soap_action,
        "WSA-TO": _to,
        "WSA-ANONYMOUS": _endpoints,
        "WSA-ENDPOINT": _endpoints,
        "WSS-UNEXPECTED": _no_security,
        "WSS-CHILDREN": mendsecurity.security_children,
        "WSS-ID-UNIQUE": mendsecurity.unique_ids,
        "WSS-TOKEN": mendsecurity.token_type,
        "WSS-KEY-INFO": mendsecurity.key_info_of,
        "WSS-SIGNATURE-FORM": mendsecurity.signature_form,
        "WSS-ALGORITHM": mendsecurity.algorithms,
        "WSS-TRANSFORM": mendsecurity.transforms,
        "WSS-REF-TARGET": mendsecurity.targets,
        "WSS-REF-UNIQUE": mendsecurity.unique_references,
        "WSS-COVERAGE": mendsecurity.coverage,
        "WSS-TIMESTAMP-FORM": mendsecurity.timestamp_of,
        "WSS-EXPIRED": mendsecurity.timestamp_of,
    }
)
