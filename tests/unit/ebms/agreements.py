"""Agreements for tests: made by the generator, and changed in one place."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from digipoort_wus.ebms.cpa import Agreement
from digipoort_wus.ebms.cpa_making import make_agreement
from digipoort_wus.ebms.cpa_plan import (
    DIGIPOORT_ROLES,
    DIGIPOORT_SERVICES,
    Credentials,
    PartyPlan,
    Plan,
    Profile,
)
from digipoort_wus.ebms.cpa_reading import read_agreement
from digipoort_wus.ebms.message import PartyId, Service
from digipoort_wus.ebms.names import CPA, OIN_TYPE, SERVICE_TYPE
from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki
from digipoort_wus.pki.testplan import AGENCY_OIN, GATEWAY_OIN
from tests.conftest import CERTS_TEST
from tests.messages import NOW

AGENCY = PartyId(f"{AGENCY_OIN}_T", OIN_TYPE)
GATEWAY = PartyId(f"{GATEWAY_OIN}_T", OIN_TYPE)
SUBMITTING = Service("osb:aanleveren:1.1$1.0", SERVICE_TYPE)
DELIVERING = Service("osb:afleveren:1.1$1.0", SERVICE_TYPE)
AGENCY_URL = "https://localhost/agency"
GATEWAY_URL = "https://localhost/ebms"
NAMES = {"t": CPA, "ds": "http://www.w3.org/2000/09/xmldsig#"}

Change = Callable[[etree._Element], object]


@cache
def pki() -> TestPki:
    return make_pki("g1", now=NOW, key_source=keys_from(CERTS_TEST / "g1"))


def der(name: str) -> bytes:
    return pki().identities[name].certificate.public_bytes(Encoding.DER)


def plan(profile: Profile = Profile.RM_E, **changes: Any) -> Plan:
    anchors = tuple(each.public_bytes(Encoding.DER) for each in pki().ca_certificates)
    first = PartyPlan(
        "Agency",
        AGENCY,
        DIGIPOORT_ROLES[0],
        AGENCY_URL,
        Credentials(*(der("agency"),) * 4, anchors),
    )
    second = PartyPlan(
        "Gateway",
        GATEWAY,
        DIGIPOORT_ROLES[1],
        GATEWAY_URL,
        Credentials(*(der("gateway-tls"),) * 2, *(der("gateway-signing"),) * 2, anchors),
    )
    end = NOW + timedelta(days=365)
    return replace(Plan(profile, (first, second), DIGIPOORT_SERVICES, NOW, end), **changes)


@cache
def made(profile: Profile = Profile.RM_E) -> bytes:
    return make_agreement(plan(profile), at=NOW)[0]


def changed(*changes: Change, profile: Profile = Profile.RM_E) -> bytes:
    """Return an agreement after changes to its tree."""
    root = etree.fromstring(made(profile))
    for change in changes:
        change(root)
    return etree.tostring(root)


def read(*changes: Change, profile: Profile = Profile.RM_E) -> Agreement:
    return read_agreement(changed(*changes, profile=profile))


def every(path: str, *, of: str = "") -> Callable[[etree._Element], list[etree._Element]]:
    """Return a search for the elements of a path, such as ``t:Status``; never for none."""

    def find(root: etree._Element) -> list[etree._Element]:
        found = root.xpath(f"{of or '.'}//{path}", namespaces=NAMES)
        assert isinstance(found, list)
        assert found
        return [each for each in found if isinstance(each, etree._Element)]

    return find


def with_attribute(path: str, name: str, value: str | None) -> Change:
    """Return a change that sets an attribute of each element, or drops it."""

    def change(root: etree._Element) -> None:
        for element in every(path)(root):
            if value is None:
                del element.attrib[f"{{{CPA}}}{name}"]
            else:
                element.set(f"{{{CPA}}}{name}", value)

    return change


def with_text(path: str, text: str) -> Change:
    def change(root: etree._Element) -> None:
        for element in every(path)(root):
            element.text = text

    return change


def without(path: str) -> Change:
    def change(root: etree._Element) -> None:
        for element in every(path)(root):
            parent = element.getparent()
            assert parent is not None
            parent.remove(element)

    return change


def doubled(path: str) -> Change:
    """Return a change that puts a copy behind the first element of a path."""

    def change(root: etree._Element) -> None:
        first = every(path)(root)[0]
        first.addnext(deepcopy(first))

    return change
