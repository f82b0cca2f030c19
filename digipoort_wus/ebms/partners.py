"""With whom messages are exchanged, and as whom: what opening and writing them needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from digipoort_wus import checks
from digipoort_wus.ebms.cpa import Agreement
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.message import PartyId
from digipoort_wus.ebms.names import OIN_TYPE
from digipoort_wus.ebms.quirks import PLAIN, Quirks
from digipoort_wus.ebms.signature import Trust
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.oin import oin_of


@dataclass(frozen=True, slots=True)
class Partner:
    """One agreement, with what no CPA says about it.

    Args:
        agreement: with its overlay applied.
        quirks: how to write for the other party.
        peers: OINs of others that may set up the connection for it.
        unsafe_sha1: take and make signatures with SHA-1 where the CPA names it.
        unsafe_cbc_and_rsa_1_5: decrypt what is encrypted in that way.
    """

    agreement: Agreement
    quirks: Quirks = PLAIN
    peers: frozenset[str] = frozenset()
    unsafe_sha1: bool = False
    unsafe_cbc_and_rsa_1_5: bool = False


@dataclass(frozen=True, slots=True)
class Ours:
    """As whom this message handler speaks, and whom it knows.

    Args:
        ids: of the parties that it stands for.
        identities: certificates and keys that sign and decrypt for them.
        partners: by CPAId.
        trust: judges the certificate of a signer.
    """

    ids: frozenset[PartyId]
    identities: tuple[Identity, ...] = field(repr=False)
    partners: Mapping[str, Partner]
    trust: Trust
    # Encoded once: an x509 certificate takes longer to hash than to sign for.
    _ders: tuple[bytes, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        encoded = (each.certificate.public_bytes(Encoding.DER) for each in self.identities)
        object.__setattr__(self, "_ders", tuple(encoded))

    def partner(self, cpa_id: str) -> Partner:
        """Return the partner of an agreement.

        Raises:
            EbmsRefusal: EBMS-CPA.
        """
        found = self.partners.get(cpa_id)
        if found is None:
            raise EbmsRefusal(
                checks.EBMS_CPA,
                at="//Header/MessageHeader/CPAId",
                expected="the id of a CPA here",
            )
        return found

    def signer(self, certificates: tuple[bytes, ...]) -> Identity:
        """Return who signs: the identity that the CPA names, or our first where it names none.

        Args:
            certificates: DER of the CPA's, the signer's first.

        Raises:
            ConfigurationError: we do not have the key of the certificate that the CPA names.
        """
        for identity, der in zip(self.identities, self._ders, strict=True):
            if not certificates or der == certificates[0]:
                return identity
        raise ConfigurationError(
            "The key of the certificate that the CPA names for our signatures is not here: "
            "exchange a CPA with the certificate in force, or map that one to the new one."
        )


def require_peer(
    peer: x509.Certificate | None,
    sender: tuple[PartyId, ...],
    partner: Partner,
    named: tuple[bytes, ...] = (),
) -> None:
    """Refuse a message of which the From party did not set up the connection.

    Its OIN has to be one of the PartyIds, or that of a client certificate in the CPA, which may
    have been replaced by a newer one since; or the operator names it for this partner.

    Args:
        peer: the verified client certificate; None where TLS ends elsewhere and told none.
        sender: the From party's ids.
        partner: of its CPA.
        named: DER of the client certificates that the CPA names for the sender.

    Raises:
        EbmsRefusal: EBMS-PEER.

    Digikoppeling ebMS2 best practices EB005.
    """
    if peer is None:
        _refuse_peer("none")
    try:
        oin = oin_of(peer)
    except Refusal as refusal:
        raise EbmsRefusal(
            checks.EBMS_PEER, at="//Header/MessageHeader/From/PartyId", received="no OIN"
        ) from refusal
    if oin in partner.peers or oin in oins_of_party(sender) or oin in _oins_of(named):
        return
    _refuse_peer("another OIN")


def _refuse_peer(received: str) -> NoReturn:
    raise EbmsRefusal(
        checks.EBMS_PEER,
        at="//Header/MessageHeader/From/PartyId",
        expected="the OIN of the client certificate",
        received=received,
    )


def oins_of_party(ids: Sequence[PartyId]) -> frozenset[str]:
    """Return the OINs among the ids of a party, without a suffix for tests."""
    # Outside of production a suffix such as _T names the environment.
    return frozenset(each.value.partition("_")[0] for each in ids if each.type == OIN_TYPE)


def _oins_of(named: tuple[bytes, ...]) -> frozenset[str]:
    found: set[str] = set()
    for der in named:
        try:
            found.add(oin_of(x509.load_der_x509_certificate(der)))
        except (Refusal, ValueError):
            # A certificate without one names nobody; `cpa check` says so.
            continue
    return frozenset(found)
