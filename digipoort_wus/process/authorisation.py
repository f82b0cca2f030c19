"""Who may do what, and how much of it: the table of parties and mandates.

Nothing is granted that a row does not grant, and a row speaks for its own OIN alone. What
the table says of operations holds for everything a party asks; what it says of
berichtsoorten and belanghebbenden holds for what it files. Statuses and messages of what a
party filed stay its own: it may ask for them as long as the operation is granted.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from types import MappingProxyType

from digipoort_wus import checks, names
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.filing.party import Party, register_of
from digipoort_wus.pki.oin import parse_oin

EVERYTHING = "*"
OWN = "own"
"""As a belanghebbende: the party itself, by its OIN."""
_PATTERN = re.compile(r"[^*\s]*\*?|[^*\s][^*]*[^*\s]\*?")
_BELANGHEBBENDE = re.compile(r"[A-Za-z0-9_-]{1,20}:[^*\s]{0,35}\*?", re.ASCII)


class Right(Enum):
    """What a party may ask, in the words of the configuration."""

    AANLEVEREN = "aanleveren"
    STATUSINFORMATIE = "statusinformatie"
    OPHALEN = "ophalen"
    ZETSTATUS = "zetstatus"
    """To report on filings that were delivered to it: for agencies."""
    AANBIEDEN = "aanbieden"
    """To offer messages about them: for agencies."""
    ECHO = "echo"
    EBMS = "ebms"
    """To exchange messages over ebMS, as far as an agreement says."""


_RIGHT_OF = MappingProxyType(
    {
        names.AANLEVER.name: Right.AANLEVEREN,
        names.STATUSINFORMATIE.name: Right.STATUSINFORMATIE,
        names.OPHAAL.name: Right.OPHALEN,
        names.ZET_STATUS.name: Right.ZETSTATUS,
        names.AANBIED.name: Right.AANBIEDEN,
        names.ECHO_BE.name: Right.ECHO,
        names.ECHO_BE_S.name: Right.ECHO,
    }
)


def right_of(service: names.Service) -> Right:
    """Return the right that all operations of a service need.

    Raises:
        KeyError: nobody decided that yet, so nobody has it.
    """
    return _RIGHT_OF[service.name]


class Others(Enum):
    """What becomes of who has no row."""

    REFUSED = "refused"
    ADMITTED = "admitted"
    """Everybody whose certificate is good may do everything: a sandbox."""


@dataclass(frozen=True, slots=True)
class PartyRow:
    """What one party may do.

    Args:
        oin: of the certificate that signs.
        name: for the operator.
        disabled: the reason why the party is refused whatever else its row says; empty: it is
            not disabled.
        rights: what it may ask.
        berichtsoorten: what it may file: exact names, or beginnings that end in ``*``.
        belanghebbenden: for whom: ``type:number``, the number exact or a beginning that ends
            in ``*``; ``*`` for everybody; ``own`` for its own OIN. Types compare without the
            case of A to Z.
        requests_per_minute: at most so many; None: no limit.
        bytes_per_day: at most so many octets of decoded contents filed a day, in UTC; None: no
            limit.

    Raises:
        ConfigurationError: a value that can mean nothing, or grants less than it seems to.
    """

    oin: str
    name: str = ""
    disabled: str = ""
    rights: frozenset[Right] = frozenset()
    berichtsoorten: tuple[str, ...] = ()
    belanghebbenden: tuple[str, ...] = ()
    requests_per_minute: int | None = None
    bytes_per_day: int | None = None

    def __post_init__(self) -> None:
        _require_oin(self.oin, "party.oin")
        for pattern in self.berichtsoorten:
            if not pattern or _PATTERN.fullmatch(pattern) is None:
                raise self._mistake(
                    f"{pattern!r} is no berichtsoort, nor the beginning of one with a * behind it"
                )
        for pattern in self.belanghebbenden:
            known = pattern in (EVERYTHING, OWN) or _BELANGHEBBENDE.fullmatch(pattern)
            if not known or pattern.endswith(":"):
                raise self._mistake(
                    f'{pattern!r} is no belanghebbende: write "type:number", "own" or "*"'
                )
        for name in ("requests_per_minute", "bytes_per_day"):
            limit = getattr(self, name)
            if limit is not None and limit < 1:
                raise self._mistake(f"{name} is at least 1; to refuse a party, disable it")
        if not self.disabled and not self.rights:
            raise self._mistake("it is granted no operations; name them, or disable it")
        if Right.AANLEVEREN in self.rights and not (self.berichtsoorten and self.belanghebbenden):
            raise self._mistake(
                "it may aanleveren, so name what (berichtsoorten) and for whom (belanghebbenden)"
            )

    def __str__(self) -> str:
        words = [self.oin, self.name, "(disabled)" if self.disabled else ""]
        return " ".join(filter(None, words))

    def files(self, berichtsoort: str) -> bool:
        """Return whether the row names this berichtsoort."""
        return any(_matches(pattern, berichtsoort) for pattern in self.berichtsoorten)

    def files_for(self, party: Party) -> bool:
        """Return whether the row names this belanghebbende."""
        return any(self._is(pattern, party) for pattern in self.belanghebbenden)

    def _is(self, pattern: str, party: Party) -> bool:
        if pattern == EVERYTHING:
            return True
        if pattern == OWN:
            return (party.register, party.number) == ("oin", self.oin)
        kind, _, number = pattern.partition(":")
        return register_of(kind) == party.register and _matches(number, party.number)

    def _mistake(self, words: str) -> ConfigurationError:
        return ConfigurationError(f"party {self.oin}: {words}.")


@dataclass(frozen=True, slots=True)
class MailboxMandate:
    """A party that may fetch the messages for a belanghebbende, whoever filed.

    Raises:
        ConfigurationError: that is no OIN.
    """

    oin: str
    belanghebbende: Party

    def __post_init__(self) -> None:
        _require_oin(self.oin, "mandates.oin")

    def __str__(self) -> str:
        return f"{self.oin} for {self.belanghebbende.type}:{self.belanghebbende.number}"


@dataclass(frozen=True, slots=True)
class AuthorisationTable:
    """All rows, as :func:`authorisation_table` made them; replaced as a whole.

    Args:
        rows: by OIN.
        mailboxes: belanghebbenden by the OIN that may fetch their messages.
        others: what becomes of who has no row.
    """

    rows: Mapping[str, PartyRow]
    mailboxes: Mapping[str, frozenset[Party]]
    others: Others

    def row(self, oin: str) -> PartyRow:
        """Return the row that holds for a party.

        Raises:
            Refusal: PARTY-ENABLED; it has no row and needs one, or is disabled.
        """
        found = self.rows.get(oin)
        if found is None and self.others is Others.REFUSED:
            raise Refusal(
                checks.PARTY_ENABLED, expected="a party of the table", received=f"OIN {oin}"
            )
        if found is not None and found.disabled:
            raise Refusal(checks.PARTY_ENABLED, received=f"OIN {oin}, which is disabled")
        return found or _unrestricted(oin)

    def mailboxes_of(self, oin: str) -> frozenset[Party]:
        """Return the belanghebbenden whose messages a party may fetch, whoever filed."""
        return self.mailboxes.get(oin, frozenset())


def authorisation_table(
    rows: Iterable[PartyRow] = (),
    mandates: Iterable[MailboxMandate] = (),
    *,
    others: Others = Others.REFUSED,
) -> AuthorisationTable:
    """Return the table of these rows, whatever their order.

    Raises:
        ConfigurationError: two rows for one OIN.
    """
    table: dict[str, PartyRow] = {}
    for row in rows:
        if row.oin in table:
            raise ConfigurationError(f"party {row.oin} has two rows: make them one.")
        table[row.oin] = row
    mailboxes: dict[str, set[Party]] = {}
    for mandate in mandates:
        mailboxes.setdefault(mandate.oin, set()).add(mandate.belanghebbende)
    return AuthorisationTable(
        MappingProxyType(table),
        MappingProxyType({oin: frozenset(known) for oin, known in mailboxes.items()}),
        others,
    )


@lru_cache(maxsize=1024)
def _unrestricted(oin: str) -> PartyRow:
    """Return the row of who needs none; it is asked for at every request."""
    return replace(_UNRESTRICTED, oin=oin)


EVERYBODY = authorisation_table(others=Others.ADMITTED)
"""Whoever has a good certificate may do everything: the table of a sandbox without rows."""


def require_enabled(table: AuthorisationTable, oin: str, tls_oin: str | None) -> PartyRow:
    """Refuse a party that is unknown or disabled, and return its row.

    The TLS peer needs no row, because a mandate names it; if it has one, that must not be
    disabled.

    Raises:
        Refusal: PARTY-ENABLED.
    """
    row = table.row(oin)
    if tls_oin is not None and tls_oin in table.rows:
        table.row(tls_oin)
    return row


def require_right(row: PartyRow, right: Right) -> None:
    """Refuse what a row does not grant.

    Raises:
        Refusal: PARTY-AUTHORISED.
    """
    if right not in row.rights:
        raise Refusal(
            checks.PARTY_AUTHORISED,
            expected=", ".join(sorted(granted.value for granted in row.rights)),
            received=right.value,
        )


def require_filing(row: PartyRow, berichtsoort: str, belanghebbende: Party) -> None:
    """Refuse to file what, or for whom, a row does not name.

    Raises:
        Refusal: PARTY-AUTHORISED; it does not repeat the belanghebbende, who may be a person.
    """
    require_right(row, Right.AANLEVEREN)
    if not row.files(berichtsoort):
        raise Refusal(
            checks.PARTY_AUTHORISED,
            expected=f"berichtsoort {', '.join(row.berichtsoorten)}",
            received=berichtsoort,
        )
    if not row.files_for(belanghebbende):
        raise Refusal(checks.PARTY_AUTHORISED, received="another belanghebbende")


def may_file(row: PartyRow, berichtsoort: str, belanghebbende: Party) -> bool:
    """Return whether :func:`require_filing` would let this pass: to list it, not to let it in."""
    granted = Right.AANLEVEREN in row.rights
    return granted and row.files(berichtsoort) and row.files_for(belanghebbende)


def _matches(pattern: str, text: str) -> bool:
    if pattern.endswith(EVERYTHING):
        return text.startswith(pattern.removesuffix(EVERYTHING))
    return text == pattern


def _require_oin(oin: str, what: str) -> None:
    try:
        parse_oin(oin)
    except ValueError as error:
        raise ConfigurationError(f"{what}: {oin!r} is {error}.") from error


_UNRESTRICTED = PartyRow(
    oin="00000099000000000000",
    rights=frozenset(Right),
    berichtsoorten=(EVERYTHING,),
    belanghebbenden=(EVERYTHING,),
)
