"""The agreements that a store has, read: with whom messages are exchanged now."""

import hashlib
import logging
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from types import MappingProxyType
from typing import TypeVar

from digipoort_wus.clock import Clock, system_clock
from digipoort_wus.ebms.cpa import Agreement
from digipoort_wus.ebms.cpa_finding import Finding, Weight
from digipoort_wus.ebms.cpa_findings import findings
from digipoort_wus.ebms.cpa_overlay import Overlay, overlaid, unused
from digipoort_wus.ebms.cpa_reading import read_agreement
from digipoort_wus.ebms.message import PartyId
from digipoort_wus.ebms.partners import Ours, Partner
from digipoort_wus.ebms.quirks import (
    AcknowledgmentPath,
    CanonicalForm,
    ErrorSignature,
    Prefixes,
    Quirks,
    SignalPackage,
    SignalRoles,
    TransferEncoding,
)
from digipoort_wus.ebms.signature import Trust
from digipoort_wus.errors import ConfigurationError, DigipoortError
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.oin import parse_oin
from digipoort_wus.store.ebms_values import CpaRow, EbmsWanted, Quirk
from digipoort_wus.store.ports import Reader, Store

_log = logging.getLogger(__name__)
_E = TypeVar("_E", bound=Enum)
_ENDED = "CPA-ENDED"
_PREFIXES = ("prefix_soap", "prefix_eb", "prefix_xlink")
_CHOICES: Mapping[str, type[Enum]] = MappingProxyType(
    {
        "signal_roles": SignalRoles,
        "signal_package": SignalPackage,
        "acknowledgment_path": AcknowledgmentPath,
        "transfer_encoding": TransferEncoding,
        "canonicalization": CanonicalForm,
        "error_signature": ErrorSignature,
    }
)
_UNSAFE = ("unsafe_sha1", "unsafe_cbc_and_rsa_1_5")
_NO_REASON = frozenset({"false", "no", "nee", "off", "none", "null", "never", "0"})
QUIRKS = (*_PREFIXES, *_CHOICES, "peers", *_UNSAFE)
"""What may be said of a partner beside its agreement; :func:`partner_of` says how."""


def partner_of(row: CpaRow) -> Partner:
    """Return a partner as an agreement and what stands beside it describe it.

    The names are those of :data:`QUIRKS`. A prefix is text; a choice is the name of one of the
    values in :mod:`digipoort_wus.ebms.quirks`, in lower case with hyphens; ``peers`` is OINs with
    spaces between; what is unsafe is text that says why, or true. False and an empty text are off.

    Raises:
        ConfigurationError: it is no CPA, or a name or value means nothing.
    """
    agreement = read_agreement(row.octets)
    if agreement.cpa_id != row.cpa_id:
        raise ConfigurationError(f"The document under CPAId {row.cpa_id} has another: add it anew.")
    said = row.quirks
    unknown = sorted(set(said) - set(QUIRKS))
    if unknown:
        raise ConfigurationError(
            f"CPA {row.cpa_id}: {', '.join(unknown)} means nothing; known are {', '.join(QUIRKS)}."
        )
    prefixes = {name.removeprefix("prefix_"): str(said[name]) for name in _PREFIXES if name in said}
    quirks = Quirks(
        prefixes=Prefixes(**prefixes),
        signal_roles=_choice(said, "signal_roles", SignalRoles.LEFT_OUT),
        signal_package=_choice(said, "signal_package", SignalPackage.XML),
        acknowledgment_path=_choice(said, "acknowledgment_path", AcknowledgmentPath.AS_AGREED),
        transfer_encoding=_choice(said, "transfer_encoding", TransferEncoding.UNSAID),
        canonicalization=_choice(said, "canonicalization", CanonicalForm.INCLUSIVE),
        error_signature=_choice(said, "error_signature", ErrorSignature.UNASKED),
    )
    return Partner(
        overlaid(agreement, _overlay(agreement, row)),
        quirks,
        frozenset(map(_oin, str(said.get("peers", "")).split())),
        unsafe_sha1=_unsafe(said, "unsafe_sha1"),
        unsafe_cbc_and_rsa_1_5=_unsafe(said, "unsafe_cbc_and_rsa_1_5"),
    )


class Book:
    """Every agreement of a store, as partners; any thread may ask.

    Args:
        store: keeps them.
        ids: of the parties that we stand for.
        identities: certificates and keys that sign and decrypt for them.
        trust: judges the certificate of a signer.
        clock: of when an agreement is added or removed.
    """

    def __init__(
        self,
        store: Store,
        ids: Collection[PartyId],
        identities: Sequence[Identity],
        trust: Trust,
        clock: Clock = system_clock,
    ) -> None:
        self._store = store
        self._clock = clock
        self._gate = threading.Lock()
        self._edition: object = None
        self._told: set[tuple[str, str]] = set()
        self._broken: Mapping[str, str] = {}
        self._known: Mapping[str, tuple[CpaRow, Partner]] = {}
        self._ours = Ours(frozenset(ids), tuple(identities), MappingProxyType({}), trust)

    def current(self) -> Ours:
        """Return with whom messages are exchanged now, and as whom."""
        edition = self._store.read(lambda reader: reader.cpa_edition())
        with self._gate:
            if edition != self._edition:
                # Read again: what is read now may be newer, and then is read once more.
                self._read()
                self._edition = edition
            return self._ours

    def identify(self, identities: Sequence[Identity]) -> None:
        """Sign and decrypt as these from now on."""
        with self._gate:
            self._ours = replace(self._ours, identities=tuple(identities))

    @property
    def broken(self) -> Mapping[str, str]:
        """Return which agreements of the store cannot be used, and why."""
        self.current()
        return self._broken

    def rows(self) -> Sequence[CpaRow]:
        """Return the agreements as they are kept, by CPAId."""
        return self._store.read(lambda reader: reader.cpas())

    def put(
        self,
        octets: bytes,
        *,
        urls: Mapping[str, str] = MappingProxyType({}),
        certificates: Mapping[str, bytes] = MappingProxyType({}),
        quirks: Mapping[str, Quirk] = MappingProxyType({}),
    ) -> tuple[Finding, ...]:
        """Add an agreement, or put it in the place of the one of its CPAId; return its warnings.

        Args:
            octets: the document.
            urls: where an Endpoint is taken instead.
            certificates: DER of what replaces one of its, by the SHA-256 of that in hex.
            quirks: see :func:`partner_of`.

        Raises:
            ConfigurationError: it cannot be used, and nothing is kept.
        """
        now = self._clock()
        cpa_id = read_agreement(octets).cpa_id
        row = CpaRow(cpa_id, octets, now, urls, certificates, quirks)
        agreement = partner_of(row).agreement
        self._require_same_names(agreement)
        found = findings(agreement, at=now)
        wrong = [one for one in found if one.kind.weight is Weight.ERROR and one.kind.id != _ENDED]
        if wrong:
            said = "; ".join(map(str, wrong))
            raise ConfigurationError(f"CPA {cpa_id} cannot be used: {said}")
        self._require_ours(agreement)
        self._store.write(lambda transaction: transaction.put_cpa(row)).result()
        _log.info("CPA %s was added", ascii(cpa_id), extra={"event": "ebms-cpa-added"})
        return found

    def remove(self, cpa_id: str) -> None:
        """End an agreement here: what comes under it is refused, what waits is not sent.

        Raises:
            KeyError: there is none.
        """
        now = self._clock()
        self._store.write(lambda transaction: transaction.remove_cpa(cpa_id, now)).result()
        _log.info("CPA %s was removed", ascii(cpa_id), extra={"event": "ebms-cpa-removed"})

    def _require_same_names(self, agreement: Agreement) -> None:
        """Require that parties keep the name by which their messages are known again.

        That holds over a removal, too, as long as there are messages of then.
        """
        cpa_id = agreement.cpa_id

        def look(reader: Reader) -> CpaRow | None:
            old = next(reversed(reader.cpas_of(cpa_id)), None)
            if old is None or old.removed_at is None:
                return old
            return old if reader.ebms_messages(EbmsWanted(cpa_id=cpa_id, limit=1)) else None

        old = self._store.read(look)
        if old is None:
            return
        names = {party.ids[0] for party in read_agreement(old.octets).parties}
        if names != {party.ids[0] for party in agreement.parties}:
            raise ConfigurationError(
                f"CPA {agreement.cpa_id} names its parties by another first PartyId than the one "
                "that is in use, so that a message that comes again would be taken for a new one: "
                "keep the first PartyId of each party first, or agree under another CPAId."
            )

    def _require_ours(self, agreement: Agreement) -> None:
        ours = [party for party in agreement.parties if set(party.ids) & self._ours.ids]
        if len(ours) != 1:
            number = "Neither" if not ours else "Each"
            raise ConfigurationError(
                f"{number} party of CPA {agreement.cpa_id} has a PartyId of this gateway: exactly "
                "one must. `digipoort-wus cpa show` says who they are."
            )

    def _read(self) -> None:
        known: dict[str, tuple[CpaRow, Partner]] = {}
        broken: dict[str, str] = {}
        for row in self.rows():
            before = self._known.get(row.cpa_id)
            try:
                # One takes milliseconds to read, and every message waits while they are.
                partner = before[1] if before and before[0] == row else partner_of(row)
                self._require_ours(partner.agreement)
            except DigipoortError as error:
                broken[row.cpa_id] = str(error)
            else:
                known[row.cpa_id] = (row, partner)
        self._broken, self._known = broken, known
        partners = {cpa_id: partner for cpa_id, (_, partner) in known.items()}
        self._ours = replace(self._ours, partners=MappingProxyType(partners))
        for cpa_id, reason in broken.items():
            if (cpa_id, reason) not in self._told:
                self._told.add((cpa_id, reason))
                _log.error(
                    "CPA %s cannot be used: %s",
                    *(ascii(cpa_id), reason),
                    extra={"event": "ebms-cpa-unusable"},
                )


def _choice(said: Mapping[str, Quirk], name: str, usual: _E) -> _E:
    if name not in said:
        return usual
    known = {_word(one): one for one in type(usual)}
    found = known.get(str(said[name]))
    if found is None:
        raise ConfigurationError(
            f"{name} is {said[name]!r}: write one of {', '.join(sorted(known))}."
        )
    return found


def _unsafe(said: Mapping[str, Quirk], name: str) -> bool:
    """Return whether something unsafe is on; a text that looks like "off" turns nothing on."""
    value = said.get(name, False)
    if isinstance(value, bool):
        return value
    reason = str(value).strip()
    if reason.lower() in _NO_REASON:
        raise ConfigurationError(
            f"{name} is {value!r}, which is no reason: write why it has to be, or leave it out."
        )
    return bool(reason)


def _oin(text: str) -> str:
    try:
        parse_oin(text)
    except ValueError as error:
        raise ConfigurationError(
            f"peers: {text!r} is no OIN: write 20 digits, with spaces between several."
        ) from error
    return text


def _word(one: Enum) -> str:
    return one.name.lower().replace("_", "-")


def _overlay(agreement: Agreement, row: CpaRow) -> Overlay:
    leaves = [one.leaf for party in agreement.parties for one in party.certificates]
    named = {hashlib.sha256(leaf).hexdigest(): leaf for leaf in leaves}
    lost = sorted(set(row.certificates) - set(named))
    if lost:
        raise ConfigurationError(
            f"CPA {row.cpa_id} has no certificate with SHA-256 {lost[0]}: leave it out."
        )
    certificates = {named[digest]: (der,) for digest, der in row.certificates.items()}
    overlay = Overlay(row.urls, certificates)
    idle = unused(overlay, [agreement])
    if idle:
        raise ConfigurationError(
            f"CPA {row.cpa_id} has no Endpoint with the URL {idle[0]}: write it as `digipoort-wus "
            "cpa show` does, or leave it out."
        )
    return overlay
