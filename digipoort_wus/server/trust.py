"""What the gateway is and whom it believes, at this moment: one snapshot, replaced as a whole.

Whoever asks gets a context or a judgement of one snapshot, never of half the old and half
the new.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from cryptography import x509
from OpenSSL import SSL

from digipoort_wus.delivery.exchange import Credentials
from digipoort_wus.pki.anchors import AnchorRule
from digipoort_wus.pki.chain import (
    CachingVerifier,
    TrustStore,
    VerifiedCertificate,
    trust_store,
)
from digipoort_wus.pki.distribution import carried_over
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.profiles import Acceptance, Role
from digipoort_wus.pki.revocation import CrlSet, crl_set
from digipoort_wus.server.tls import TlsTrust, server_context


@dataclass(frozen=True, slots=True)
class Materials:
    """Certificates and keys of a gateway, loaded.

    Args:
        tls: identity for TLS connections.
        signing: identity that signs answers.
        authorities: roots and intermediates of clients and signers.
        crls: of each of them.
        acceptance: which certificate policies and OINs are good, test or production.
        anchor_rules: for which roles and until when a root is trusted.
        of_agencies: roots and intermediates of the agencies that have their own, by name; they
            are believed of that agency only.
        index: of these CRLs, and at first perhaps of others: what is in it already is not
            indexed again, for long lists take seconds.
    """

    tls: Identity
    signing: Identity
    authorities: tuple[x509.Certificate, ...]
    crls: tuple[x509.CertificateRevocationList, ...]
    acceptance: Acceptance
    anchor_rules: tuple[AnchorRule, ...] = ()
    of_agencies: Mapping[str, tuple[x509.Certificate, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    index: CrlSet = field(default_factory=CrlSet, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", crl_set(self.crls, self.index))

    @property
    def every_authority(self) -> tuple[x509.Certificate, ...]:
        """Return the authorities of clients, signers and agencies, each once."""
        others = (ca for authorities in self.of_agencies.values() for ca in authorities)
        return tuple(dict.fromkeys((*self.authorities, *others)))

    def store_of(self, agency: str) -> TrustStore:
        """Return whom to believe of an agency.

        Raises:
            ConfigurationError: its authorities cannot be used.
        """
        return trust_store(self.of_agencies[agency], self.index, self.acceptance)

    def store(self) -> TrustStore:
        """Return whom to believe.

        Raises:
            ConfigurationError: there is no trust anchor, or a rule is about none.
        """
        return trust_store(
            self.authorities, self.index, self.acceptance, anchor_rules=self.anchor_rules
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Materials, and what was made of them; one by :func:`snapshot_of`."""

    materials: Materials
    verifier: CachingVerifier
    context: SSL.Context
    credentials: Credentials
    of_agencies: Mapping[str, Credentials]


def snapshot_of(materials: Materials) -> Snapshot:
    """Make of materials what connections and requests need.

    Raises:
        ConfigurationError: there is no trust anchor, or OpenSSL refuses something.
    """
    store = materials.store()
    authorities = store.authorities_for(Role.TLS_CLIENT)
    return Snapshot(
        materials,
        CachingVerifier(store),
        server_context(materials.tls, TlsTrust(authorities, materials.crls)),
        Credentials(materials.tls, materials.signing, store),
        {
            name: Credentials(materials.tls, materials.signing, materials.store_of(name))
            for name in materials.of_agencies
        },
    )


class CurrentTrust:
    """Holds the snapshot in force, and judges certificates by it.

    Args:
        materials: to begin with.

    Raises:
        ConfigurationError: they cannot be used.
    """

    def __init__(self, materials: Materials) -> None:
        self._snapshot = snapshot_of(materials)

    @property
    def materials(self) -> Materials:
        """Return the materials in force."""
        return self._snapshot.materials

    def replace(self, materials: Materials, at: datetime) -> None:
        """Put other materials in force, for new connections and for every next request.

        A CRL in force stays when it is newer than the given one of the same CA, or when that
        one has not begun.

        Args:
            materials: all of them.
            at: aware moment of the change.

        Raises:
            ConfigurationError: they cannot be used; those in force stay.
        """
        before = self.materials
        kept = carried_over(materials.every_authority, before.index, materials.index, at)
        if kept:
            crls = (*materials.crls, *kept)
            index = crl_set(crls, before.index, materials.index)
            materials = replace(materials, crls=crls, index=index)
        prepared = snapshot_of(materials)
        # One assignment: whoever asks meanwhile gets all of the old or all of the new.
        self._snapshot = prepared

    def context(self) -> SSL.Context:
        """Return the TLS context for a new connection."""
        return self._snapshot.context

    def credentials(self, agency: str = "") -> Credentials:
        """Return who the gateway is, and whom it believes, when it asks somebody else.

        Args:
            agency: the name of an agency; one that has authorities of its own is believed by
                these only.
        """
        snapshot = self._snapshot
        return snapshot.of_agencies.get(agency, snapshot.credentials)

    def signer(self, certificate: x509.Certificate, at: datetime) -> VerifiedCertificate:
        """Judge the certificate that signed a message.

        Raises:
            Refusal: a PKI check.
        """
        return self._snapshot.verifier(certificate, (), Role.SIGNER, at)

    def signer_with(
        self,
        certificate: x509.Certificate,
        sent: Sequence[x509.Certificate],
        at: datetime,
    ) -> VerifiedCertificate:
        """Judge the certificate that signed a message, by issuers that came with it as well.

        Raises:
            Refusal: a PKI check.
        """
        return self._snapshot.verifier(certificate, tuple(sent), Role.SIGNER, at)

    def peer(self, certificate: x509.Certificate, at: datetime) -> VerifiedCertificate:
        """Judge the certificate of a TLS client again, for a request on its connection.

        The handshake judged it when the connection began; it may have been revoked since.

        Raises:
            Refusal: a PKI check.
        """
        return self._snapshot.verifier(certificate, (), Role.TLS_CLIENT, at)
