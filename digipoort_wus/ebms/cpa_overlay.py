"""What stands in the place of an agreement's URLs and certificates: rigs, and renewals."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from digipoort_wus.ebms.cpa import Agreement, Certificate, PartyInfo, Transport


@dataclass(frozen=True, slots=True)
class Overlay:
    """Replacements; what they do not name stays.

    Args:
        urls: by the URL of an Endpoint, character by character: where it is taken instead.
        certificates: by the DER of a leaf: DER of another, leaf first with its issuers behind it.
    """

    urls: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    certificates: Mapping[bytes, tuple[bytes, ...]] = field(
        default_factory=lambda: MappingProxyType({}), repr=False
    )


def overlaid(agreement: Agreement, overlay: Overlay) -> Agreement:
    """Return an agreement with what an overlay replaces; look for its findings afterwards."""
    first, second = (_party(party, overlay) for party in agreement.parties)
    return replace(agreement, parties=(first, second))


def unused(overlay: Overlay, agreements: Iterable[Agreement]) -> tuple[str, ...]:
    """Return what an overlay replaces and no agreement has, as words for the operator.

    It is a mistake in writing, or left over from an agreement that ended.
    """
    parties = [party for agreement in agreements for party in agreement.parties]
    transports = [one for party in parties for one in party.transports]
    urls = {endpoint.url for one in transports for endpoint in one.endpoints}
    leaves = {one.leaf for party in parties for one in party.certificates}
    lost = sum(der not in leaves for der in overlay.certificates)
    certificates = (f"{lost} of its certificates",) if lost else ()
    return (*(url for url in overlay.urls if url not in urls), *certificates)


def _party(party: PartyInfo, overlay: Overlay) -> PartyInfo:
    return replace(
        party,
        transports=tuple(_transport(each, overlay) for each in party.transports),
        certificates=tuple(
            Certificate(each.id, overlay.certificates.get(each.leaf, each.chain))
            for each in party.certificates
        ),
    )


def _transport(transport: Transport, overlay: Overlay) -> Transport:
    return replace(
        transport,
        endpoints=tuple(
            replace(each, url=overlay.urls.get(each.url, each.url)) for each in transport.endpoints
        ),
    )
