"""Agencies as an operator names them, and which berichtsoort goes to which: values only."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from digipoort_wus.client.address import require_url
from digipoort_wus.delivery.connection import Timeouts
from digipoort_wus.ebms.digipoort import AFLEVEREN
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.pki.oin import parse_oin
from digipoort_wus.process.routes import SANDBOX_AGENCY, Route, Routes

DEFAULT_CONCURRENCY = 4
DEFAULT_CONFIRM_HOURS = 24
"""From the acknowledgment of a delivery over ebMS to what the agency itself says (ours)."""
_CONCURRENCY_MAX = 64
_SECONDS_MAX = 3_600
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_WORD = re.compile(r"[!-~]{1,255}")
_HOURS_MAX = 24 * 14


@dataclass(frozen=True, slots=True)
class EbmsWay:
    """How an agency is reached over ebMS.

    Args:
        cpa: CPAId of the agreement with it.
        service: under which is delivered.
        service_type: of that; empty for none.
        confirm_hours: how long it may be silent behind an acknowledgment.
    """

    cpa: str
    service: str = AFLEVEREN.value
    service_type: str = AFLEVEREN.type or ""
    confirm_hours: int = DEFAULT_CONFIRM_HOURS


@dataclass(frozen=True, slots=True)
class AgencyRow:
    """One agency, as it stands in the configuration.

    Args:
        name: for routes, the log and metrics; one word of letters, digits, ``-``, ``_`` and ``.``.
        oin: of its TLS certificate; over ebMS of the party that confirms.
        url: of its AfleverService, https; empty for one that is reached over ebMS.
        ca_file: roots and intermediates that its certificates lead to; those of clients and
            signers when None.
        signer_oin: of the certificate that signs its answers and its reports; empty: ``oin``.
            Over ebMS its confirmations come from ``oin``, and only reports are signed so.
        berichtsoorten: that go to it; others by a route that names it.
        timeouts: of a delivery.
        concurrency: deliveries to it at one time, from this process.
        ebms: in the place of ``url``.

    Raises:
        ConfigurationError: a value cannot be used.
    """

    name: str
    oin: str
    url: str = ""
    ca_file: Path | None = None
    signer_oin: str = ""
    berichtsoorten: tuple[str, ...] = ()
    timeouts: Timeouts = field(default_factory=Timeouts)
    concurrency: int = DEFAULT_CONCURRENCY
    ebms: EbmsWay | None = None

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise ConfigurationError(
                f"agency.name {self.name!r} is no word: take letters, digits, -, _ and . for it."
            )
        if self.name == SANDBOX_AGENCY:
            raise ConfigurationError(
                f"agency.name {SANDBOX_AGENCY!r} is that of the built-in agency: take another."
            )
        for oin in (self.oin, self.reporter):
            _require_oin(self.name, oin)
        if self.ebms is None:
            self._require_wus()
        else:
            self._require_ebms(self.ebms)
        if not 1 <= self.concurrency <= _CONCURRENCY_MAX:
            raise ConfigurationError(
                f"agency {self.name}: concurrency is 1 to {_CONCURRENCY_MAX} deliveries at a time."
            )

    def _require_wus(self) -> None:
        if not self.url:
            raise ConfigurationError(
                f"agency {self.name}: give its url for WUS, or its cpa for ebMS."
            )
        try:
            require_url(self.url)
        except ConfigurationError as error:
            # Not repeated: there may be a password in it.
            raise ConfigurationError(
                f"agency {self.name}: url is that of its AfleverService, such as "
                "https://agency.example.nl/wus/2.0/afleverservice/1.2, without a query and "
                "without a user name."
            ) from error
        waits = (self.timeouts.connect, self.timeouts.silence, self.timeouts.total)
        if not all(0 < seconds <= _SECONDS_MAX for seconds in waits):
            raise ConfigurationError(
                f"agency {self.name}: connect_seconds, silence_seconds and total_seconds are "
                f"1 to {_SECONDS_MAX}."
            )

    def _require_ebms(self, ebms: EbmsWay) -> None:
        if self.url:
            raise ConfigurationError(
                f"agency {self.name} has a url and a cpa: it is reached over WUS or over ebMS, "
                "leave one of them out."
            )
        if self.ca_file is not None or self.timeouts != Timeouts():
            raise ConfigurationError(
                f"agency {self.name}: ca, connect_seconds, silence_seconds and total_seconds are "
                "of WUS; over ebMS the agreement says such things. Leave them out."
            )
        if not all(_WORD.fullmatch(text) for text in (ebms.cpa, ebms.service)):
            raise ConfigurationError(
                f"agency {self.name}: cpa and ebms_service are names without spaces."
            )
        if not 1 <= ebms.confirm_hours <= _HOURS_MAX:
            raise ConfigurationError(f"agency {self.name}: confirm_hours is 1 to {_HOURS_MAX}.")

    @property
    def reporter(self) -> str:
        """Return the OIN that signs for the agency."""
        return self.signer_oin or self.oin


def _require_oin(name: str, oin: str) -> None:
    try:
        parse_oin(oin)
    except ValueError as error:
        raise ConfigurationError(f"agency {name}: {oin!r} is {error}.") from error


def routing(built_in: Routes, agencies: Sequence[AgencyRow], rows: Iterable[Route]) -> Routes:
    """Return which berichtsoorten there are and who gets them.

    A row replaces the built-in route of its berichtsoort; a berichtsoort that an agency names
    keeps what is known of it otherwise.

    Args:
        built_in: routes that hold where nothing else is said.
        agencies: the operator's.
        rows: the operator's; ``destination`` names one of the agencies, the sandbox's, or, when
            it is empty, nobody yet.

    Raises:
        ConfigurationError: two agencies or two rows for one thing, or an agency that is not there.
    """
    known: dict[str, AgencyRow] = {}
    takers: dict[str, AgencyRow] = {}
    for agency in agencies:
        if known.setdefault(agency.name, agency) is not agency:
            raise ConfigurationError(f"agency {agency.name} has two rows: make them one.")
        for berichtsoort in agency.berichtsoorten:
            other = takers.setdefault(berichtsoort, agency)
            if other is not agency:
                raise ConfigurationError(
                    f"agency {agency.name}: berichtsoort {berichtsoort!r} goes to {other.name} "
                    "already: leave it to one of them."
                )
    table = dict(built_in)
    said: set[str] = set()
    for row in rows:
        if row.berichtsoort in said:
            raise ConfigurationError(f"route {row.berichtsoort!r} has two rows: make them one.")
        said.add(row.berichtsoort)
        table[row.berichtsoort] = _sent(row, known, takers.get(row.berichtsoort))
    for berichtsoort, agency in takers.items():
        if berichtsoort not in said:
            route = table.get(berichtsoort) or Route(berichtsoort)
            table[berichtsoort] = _to(route, agency)
    return MappingProxyType(table)


def _sent(row: Route, known: dict[str, AgencyRow], taker: AgencyRow | None) -> Route:
    """Return a route of the operator with who gets it."""
    if taker is not None and row.destination not in ("", taker.name):
        raise ConfigurationError(
            f"route {row.berichtsoort!r} names agency {row.destination}, and the berichtsoorten "
            f"of agency {taker.name} name it too: leave it to one of them."
        )
    if row.destination == SANDBOX_AGENCY:
        return row
    if row.destination:
        taker = known.get(row.destination)
        if taker is None:
            there = ", ".join((*known, SANDBOX_AGENCY))
            raise ConfigurationError(
                f"route {row.berichtsoort!r} names agency {row.destination!r}, which is not "
                f"there: add an [[agency]] of that name, or take one of {there}."
            )
    return replace(row, destination=SANDBOX_AGENCY) if taker is None else _to(row, taker)


def _to(route: Route, agency: AgencyRow) -> Route:
    return replace(route, destination=agency.name, agency=agency.reporter)
