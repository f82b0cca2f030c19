"""From the options of ``digipoort-wus cpa create`` to a plan of an agreement."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from digipoort_wus.ebms.cpa_duration import parse_duration
from digipoort_wus.ebms.cpa_plan import (
    DIGIPOORT_ROLES,
    DIGIPOORT_SERVICES,
    Credentials,
    PartyPlan,
    Plan,
    Profile,
    ServicePlan,
)
from digipoort_wus.ebms.message import PartyId, Service
from digipoort_wus.ebms.names import OIN_TYPE
from digipoort_wus.ebms.terms import SyncReply
from digipoort_wus.pki.identity import load_certificates

Options = Mapping[str, object]


def plan_of(options: Options, *, start: datetime, end: datetime | None) -> Plan:
    """Return what the options plan.

    Args:
        options: by their names, as click gives them.
        start: first moment.
        end: last moment; None: when the first certificate ends.

    Raises:
        click.UsageError: options are missing, or do not go together.
        ConfigurationError: a certificate cannot be read.
    """
    profile = Profile(_text(options, "profile"))
    parties = (_party(options, profile, "a"), _party(options, profile, "b"))
    persist = options["persist"]
    return Plan(
        profile=profile,
        parties=parties,
        services=_services(options),
        start=start,
        end=_first_end(parties) if end is None else end,
        cpa_id=_text(options, "cpa_id") or None,
        retries=int(_text(options, "retries")),
        interval=_duration(options, "interval"),
        persist=None if persist is None else _duration(options, "persist"),
        sync_reply=SyncReply.SIGNALS if options["sync"] else SyncReply.NONE,
    )


def _services(options: Options) -> tuple[ServicePlan, ...]:
    sent = [_pairs(options, name) for name in ("a_sends", "b_sends")]
    if options["digipoort"]:
        if any(sent):
            raise click.UsageError("--digipoort names its own actions: leave out --a/b-sends.")
        return DIGIPOORT_SERVICES
    if not any(sent):
        raise click.UsageError("Say what is sent: give --digipoort, or --a-sends and --b-sends.")
    service_type = _text(options, "service_type") or None
    names = dict.fromkeys(service for pairs in sent for service, _ in pairs)
    first, second = (
        {name: tuple(action for service, action in pairs if service == name) for name in names}
        for pairs in sent
    )
    return tuple(
        ServicePlan(Service(name, service_type), first[name], second[name]) for name in names
    )


def _pairs(options: Options, name: str) -> list[tuple[str, str]]:
    found = []
    values = options[name]
    for value in values if isinstance(values, tuple) else ():
        # Services may hold = (as in an URN), actions hardly do.
        service, _, action = str(value).rpartition("=")
        if not service or not action:
            option = f"--{name.replace('_', '-')}"
            raise click.UsageError(f"{option} {value}: give SERVICE=ACTION.")
        if (service, action) in found:
            raise click.UsageError(f"{service}={action} is given twice.")
        found.append((service, action))
    return found


def _party(options: Options, profile: Profile, letter: str) -> PartyPlan:
    role = _text(options, f"role_{letter}")
    if not role and options["digipoort"]:
        role = DIGIPOORT_ROLES["ab".index(letter)]
    if not role:
        raise click.UsageError(f"Give --role-{letter}: a role of its own.")
    return PartyPlan(
        name=_text(options, f"name_{letter}"),
        id=PartyId(_text(options, f"oin_{letter}"), OIN_TYPE),
        role=role,
        url=_text(options, f"url_{letter}"),
        credentials=_credentials(options, profile, letter),
    )


def _credentials(options: Options, profile: Profile, letter: str) -> Credentials:
    anchors = options[f"ca_{letter}"]
    return Credentials(
        client=_certificate(options, "client", letter),
        server=_certificate(options, "server", letter),
        signing=_certificate(options, "signing", letter) if profile.signed else None,
        encryption=_certificate(options, "encryption", letter) if profile.encrypted else None,
        anchors=tuple(
            each.public_bytes(Encoding.DER)
            for each in (load_certificates(anchors) if isinstance(anchors, Path) else ())
        ),
    )


def _certificate(options: Options, use: str, letter: str) -> bytes:
    path = options[f"{use}_cert_{letter}"] or options[f"cert_{letter}"]
    if not isinstance(path, Path):
        raise click.UsageError(f"Give --cert-{letter}, or --{use}-cert-{letter}.")
    # The leaf is the first of a file.
    return load_certificates(path)[0].public_bytes(Encoding.DER)


def _first_end(parties: tuple[PartyPlan, PartyPlan]) -> datetime:
    held = [
        der
        for each in parties
        for der in (
            each.credentials.client,
            each.credentials.server,
            each.credentials.signing,
            each.credentials.encryption,
        )
        if der is not None
    ]
    return min(x509.load_der_x509_certificate(der).not_valid_after_utc for der in held)


def _duration(options: Options, name: str) -> timedelta:
    try:
        return parse_duration(_text(options, name))
    except ValueError as error:
        raise click.UsageError(f"--{name}: give a duration like PT3H or P2D.") from error


def _text(options: Options, name: str) -> str:
    value = options[name]
    return "" if value is None else str(value)
