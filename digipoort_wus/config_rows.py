"""The rows of a configuration file: agencies, routes, parties, mandates, identities.

Each function takes one table, and refuses what it does not know in it.
"""

from functools import partial

from digipoort_wus.config import ROLES, IdentityFiles, Role
from digipoort_wus.config_table import Table
from digipoort_wus.delivery.agencies import (
    DEFAULT_CONCURRENCY,
    DEFAULT_CONFIRM_HOURS,
    AgencyRow,
    EbmsWay,
)
from digipoort_wus.delivery.backend_settings import (
    DEFAULT_HOST,
    BackendSettings,
    BackendToken,
)
from digipoort_wus.delivery.connection import Timeouts
from digipoort_wus.delivery.ebms_settings import EbmsSettings
from digipoort_wus.delivery.stamping import NO_STAMPS, StampRow
from digipoort_wus.ebms.digipoort import AFLEVEREN
from digipoort_wus.ebms.message import PartyId
from digipoort_wus.ebms.names import OIN_TYPE
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.party import Party
from digipoort_wus.pki.anchors import ROLE_NAMES, AnchorRule, roles_of
from digipoort_wus.process.authorisation import EVERYTHING, MailboxMandate, PartyRow, Right
from digipoort_wus.process.authorisers import KINDS, AuthoriserRow
from digipoort_wus.process.retention import DEFAULT_HOUR, Retention, retention
from digipoort_wus.process.routes import Route
from digipoort_wus.process.validators import RulesRow
from digipoort_wus.store.object_place import ObjectPlace

_WAITS = Timeouts()
_EBMS = EbmsSettings()
_RULES = RulesRow()


def role(table: Table) -> Role:
    """Return what this process does."""
    text = table.text("role", "all")
    for known in ROLES:
        if text == known:
            return known
    raise ConfigurationError(f"role is one of {', '.join(ROLES)}, not {text!r}.")


def identity(table: Table, key: str) -> IdentityFiles | None:
    """Return the files of the certificate and key under one key, None where it is absent."""
    if not table.has(key):
        return None
    return _identity_files(table.section(key))


def _identity_files(section: Table) -> IdentityFiles:
    files = IdentityFiles(
        section.path("certificate"),
        section.path("key"),
        section.path("pkcs12"),
        section.path("password_file"),
    )
    section.refuse_the_rest()
    pair = (files.certificate is not None, files.key is not None)
    if pair != ((False, False) if files.pkcs12 is not None else (True, True)):
        raise ConfigurationError(
            f"{section.name[:-1]} names both `certificate` and `key`, or only `pkcs12`."
        )
    return files


def objects(store: Table) -> ObjectPlace | None:
    """Return where large payloads are objects, None where store.objects is absent."""
    if not store.has("objects"):
        return None
    table = store.section("objects")
    row = partial(
        ObjectPlace,
        bucket=table.text("bucket", ""),
        prefix=table.text("prefix", "").strip("/"),
        endpoint=table.text("endpoint", "") or None,
        region=table.text("region", "") or None,
        ca_file=table.path("ca"),
        access_key_id=table.text("access_key_id", ""),
        secret_key_file=table.path("secret_key_file"),
        unsafe_http=table.text("unsafe_http", ""),
    )
    # An unknown key is named before what is missing for want of it.
    table.refuse_the_rest()
    return row()


def anchor_rule(table: Table) -> AnchorRule:
    """Return what one row of trust.anchors says of a trust anchor."""
    roles = table.texts("roles") if table.has("roles") else list(ROLE_NAMES)
    until = table.moment("until")
    try:
        rule = AnchorRule(table.text("sha256", ""), roles_of(roles), until)
    except ConfigurationError as error:
        raise ConfigurationError(f"{table.name[:-1]}: {error}") from error
    table.refuse_the_rest()
    return rule


def mandates(table: Table) -> tuple[list[tuple[str, str]], list[MailboxMandate]]:
    """Return who may carry whose messages, and who may fetch for whom."""
    channels, mailboxes = [], []
    for row in table.tables("mandates"):
        kind = row.text("kind", "channel")
        if kind == "channel":
            channels.append((row.oin("tls"), row.oin("signer")))
        elif kind == "mailbox":
            mailboxes.append(MailboxMandate(row.oin("oin"), _belanghebbende(row)))
        else:
            raise ConfigurationError(f'{row.name}kind is "channel" or "mailbox", not {kind!r}.')
        row.refuse_the_rest()
    return channels, mailboxes


def authoriser(table: Table) -> AuthoriserRow:
    """Return one [[authoriser]]."""
    address, kind = table.text("address", ""), table.text("kind", "")
    known = next((one for one in KINDS if one == kind), None)
    if known is None:
        raise ConfigurationError(f"{table.name}kind is one of {', '.join(KINDS)}, not {kind!r}.")
    row = partial(
        AuthoriserRow,
        address,
        known,
        oins=frozenset(table.oins("oins")),
        berichtsoorten=frozenset(table.texts("berichtsoorten")),
        factory=table.text("factory", ""),
    )
    table.refuse_the_rest()
    return row()


def agency(table: Table) -> AgencyRow:
    """Return one [[agency]]."""
    row = partial(
        AgencyRow,
        name=table.text("name", ""),
        oin=table.oin("oin"),
        url=table.text("url", ""),
        ca_file=table.path("ca"),
        signer_oin=table.oin("signer_oin") if table.has("signer_oin") else "",
        berichtsoorten=tuple(table.texts("berichtsoorten")),
        timeouts=_timeouts(table),
        concurrency=table.number("concurrency", DEFAULT_CONCURRENCY),
        ebms=_ebms(table),
    )
    table.refuse_the_rest()
    return row()


def _ebms(table: Table) -> EbmsWay | None:
    """Return how an agency is reached over ebMS, None where that is not said."""
    if not table.has("cpa"):
        for key in ("ebms_service", "ebms_service_type", "confirm_hours"):
            if table.has(key):
                raise ConfigurationError(f"{table.name}{key} goes with cpa: name that as well.")
        return None
    return EbmsWay(
        table.text("cpa", ""),
        table.text("ebms_service", AFLEVEREN.value),
        table.text("ebms_service_type", AFLEVEREN.type or ""),
        table.number("confirm_hours", DEFAULT_CONFIRM_HOURS),
    )


def ebms(file: Table) -> EbmsSettings | None:
    """Return the message handler, None where [ebms] is absent or not enabled."""
    if not file.has("ebms"):
        return None
    table = file.section("ebms")
    enabled = table.flag("enabled")
    parties = []
    for one in table.tables("party"):
        parties.append(PartyId(one.text("id", ""), one.text("type", OIN_TYPE) or None))
        one.refuse_the_rest()
    row = partial(
        EbmsSettings,
        path=table.text("path", _EBMS.path),
        parties=tuple(parties),
        host=table.text("host", ""),
        identities=tuple(_identity_files(one) for one in table.tables("identity")),
        filings=bool(table.flag("filings")),
        concurrency=table.number("concurrency", _EBMS.concurrency),
        timeouts=_timeouts(table),
        backend=_backend(table),
    )
    # An unknown key is named before what is wrong with another.
    table.refuse_the_rest()
    found = row()
    return None if enabled is False else found


def _backend(ebms_table: Table) -> BackendSettings | None:
    """Return where applications ask, None where [ebms.backend] is absent."""
    if not ebms_table.has("backend"):
        return None
    table = ebms_table.section("backend")
    if not table.has("port"):
        raise ConfigurationError(f"{table.name}port is needed: a TCP port, such as 8447.")
    tokens = []
    for one in table.tables("token"):
        token = partial(
            BackendToken,
            one.text("name", ""),
            one.text("sha256", "").lower(),
            agreements=bool(one.flag("agreements")),
        )
        one.refuse_the_rest()
        tokens.append(token())
    row = partial(
        BackendSettings,
        table.number("port", 0),
        table.text("host", DEFAULT_HOST),
        tls=bool(table.flag("tls")),
        clients=frozenset(table.oins("clients")),
        tokens=tuple(tokens),
    )
    table.refuse_the_rest()
    return row()


def _timeouts(table: Table) -> Timeouts:
    return Timeouts(
        table.number("connect_seconds", int(_WAITS.connect)),
        table.number("silence_seconds", int(_WAITS.silence)),
        table.number("total_seconds", int(_WAITS.total)),
    )


def route(table: Table) -> Route:
    """Return one [[route]]."""
    berichtsoort = table.text("berichtsoort", "")
    row = Route(
        berichtsoort,
        about=table.text("about", ""),
        belanghebbende_types=tuple(table.texts("belanghebbende_types")),
        ontvanger=Party(table.oin("ontvanger"), "OIN") if table.has("ontvanger") else None,
        rol_ontvanger=table.text("rol_ontvanger", "") or None,
        destination=table.text("agency", ""),
    )
    table.refuse_the_rest()
    if not berichtsoort:
        raise ConfigurationError(f"{table.name}berichtsoort is needed: say which it is.")
    return row


def stamp(table: Table) -> StampRow:
    """Return what evidence.stamp says of the time stamping authority."""
    row = partial(
        StampRow,
        policy=table.text("policy", "when-possible" if table.has("url") else "off"),
        url=table.text("url", ""),
        roots=table.path("roots"),
        policy_oid=table.text("policy_oid", ""),
        timeout=table.number("timeout", NO_STAMPS.timeout),
        alarm_after=table.number("alarm_after", NO_STAMPS.alarm_after),
        ca=table.path("ca"),
        certificate=table.path("certificate"),
        key=table.path("key"),
        user=table.text("user", ""),
        password_file=table.path("password_file"),
    )
    table.refuse_the_rest()
    return row()


def rules(table: Table) -> RulesRow:
    """Return what [rules] says of the rule engine."""
    sets = table.texts("sets")
    if not all(text.strip() and "\0" not in text for text in sets):
        raise ConfigurationError(f"{table.name}sets is a list of directories: fill each in.")
    row = partial(
        RulesRow,
        engine=table.text("engine", _RULES.engine),
        sets=tuple(table.base / text for text in sets),
        added=table.path("added"),
        workers=table.number("workers", _RULES.workers),
        heavy_workers=table.number("heavy_workers", _RULES.heavy_workers),
        seconds=table.number("seconds", _RULES.seconds),
        heavy_seconds=table.number("heavy_seconds", _RULES.heavy_seconds),
        memory_mb=table.number("memory_mb", _RULES.memory_mb),
        heavy_memory_mb=table.number("heavy_memory_mb", _RULES.heavy_memory_mb),
    )
    # An unknown key is named before what is wrong with another.
    table.refuse_the_rest()
    return row()


def retained(table: Table) -> Retention:
    """Return how long filings are kept, and refuse the rest of the table."""
    days = []
    for row in table.tables("rule"):
        days.append((row.text("berichtsoort", ""), row.number("days", 0)))
        row.refuse_the_rest()
    found = retention(
        days,
        table.limit("default_days"),
        table.number("hour", DEFAULT_HOUR),
        table.number("ebms_days", 0),
    )
    table.refuse_the_rest()
    return found


def party(table: Table) -> PartyRow:
    """Return one [[party]]."""
    disabled, reason = bool(table.flag("disabled")), table.text("reason", "").strip()
    if disabled != bool(reason):
        raise ConfigurationError(
            f"{table.name}disabled = true and reason go together: say why, or leave both out."
        )
    oin, name, operations = table.oin("oin"), table.text("name", ""), table.words("operations")
    known = {right.value: right for right in Right}
    if unknown := set(operations) - {EVERYTHING, *known}:
        raise ConfigurationError(
            f"{table.name}operations: {sorted(unknown)[0]!r} is none of {', '.join(known)}."
        )
    row = partial(
        PartyRow,
        oin=oin,
        name=name,
        disabled=reason,
        rights=frozenset(known.values() if EVERYTHING in operations else ())
        | {known[word] for word in operations if word != EVERYTHING},
        berichtsoorten=table.words("berichtsoorten"),
        belanghebbenden=table.words("belanghebbenden"),
        requests_per_minute=table.limit("requests_per_minute"),
        bytes_per_day=table.limit("bytes_per_day"),
    )
    # An unknown key is named before what is missing for want of it.
    table.refuse_the_rest()
    return row()


def _belanghebbende(table: Table) -> Party:
    text = table.text("belanghebbende", "")
    kind, _, number = text.partition(":")
    if not kind.strip() or not number.strip() or "*" in text:
        raise ConfigurationError(
            f'{table.name}belanghebbende is "type:number", such as "Fi:001000044B37".'
        )
    return Party(number, kind)
