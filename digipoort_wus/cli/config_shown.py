"""What ``config check`` prints of the settings: TOML, and why a setting is not in force.

Paths come out as the gateway will use them. Numbers of a belanghebbende are left out, for
they name people; passwords are not in a configuration at all.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from digipoort_wus.config import Config
from digipoort_wus.config_file import KEYS
from digipoort_wus.delivery.agencies import AgencyRow
from digipoort_wus.delivery.stamping import NO_STAMPS
from digipoort_wus.materials import ca_file, crl_directory, identity_files
from digipoort_wus.pki.anchors import ROLE_NAMES, AnchorRule
from digipoort_wus.process.authorisation import MailboxMandate, PartyRow
from digipoort_wus.process.retention import DEFAULT_HOUR
from digipoort_wus.process.routes import Route
from digipoort_wus.store.object_place import ObjectPlace

LISTED_AT_MOST = 5
"""Values of one setting; of more only the number is told."""
_HIDDEN = "***"
_COLUMN = 60

_UNSET: Mapping[str, str] = MappingProxyType(
    {
        "public_urls": "none: wsa:To may name any host",
        "oins": "none: the OIN of the signing certificate",
        "crl_proxy": "none: hosts are asked directly",
        "store_url": "none: SQLite in the data directory",
        "unsafe_store_url": "no reason: TLS with verify-full, or a socket",
        "store_objects": "none: large documents are files",
        "unsafe_accept_sha1": "no reason: SHA-1 is refused",
        "unsafe_sandbox_agency": "no reason: nothing is delivered to it",
        "admin_port": "none: nobody can ask for health checks or metrics",
        "unsafe_admin_host": "no reason: only this machine can ask",
    }
)
"""What holds where nothing is set, when that is more than nothing."""
_NO_RULES: Mapping[str, str] = MappingProxyType(
    {
        "sets": "none: the rule sets that ship, and no others",
        "added": "none: rule sets that need a file of the operator do without",
    }
)
"""The same of the rule engine."""


def setting_lines(config: Config) -> Iterator[str]:
    """Yield a configuration as lines of TOML, each with what is to be said of it behind a #.

    ``file`` stands behind a value that is not the default. A setting that has no effect is
    turned into a comment, with the reason.
    """
    defaults = Config()
    for setting, key in KEYS.items():
        if setting in ("mailboxes", "parties", "authorisers", "agencies", "routes"):
            continue
        value = getattr(config, setting)
        same = value == getattr(defaults, setting)
        if setting == "mandates":
            same = same and not config.mailboxes
        origin = "default" if same else "file"
        if setting in ("tls", "signing"):
            yield from _identity_lines(config, setting, origin)
        elif setting == "store_objects" and config.store_objects is not None:
            yield from _object_lines(config.store_objects)
        elif setting == "stamp":
            yield from _stamp_lines(config, key)
        elif setting == "rules":
            yield from _rules_lines(config, key)
        elif setting == "retention":
            yield from _retention_lines(config, key)
        else:
            yield _line(config, setting, key, origin)
    yield from _authoriser_lines(config)
    yield from _agency_lines(config)
    yield from _route_lines(config)
    yield from _party_lines(config)


def receiver_lines(config: Config) -> Iterator[str]:
    """Yield who gets which berichtsoorten."""
    of_agency: dict[str, list[str]] = {row.name: [] for row in config.agencies}
    for route in config.routing.values():
        of_agency.setdefault(route.destination, []).append(route.berichtsoort)
    for name, berichtsoorten in of_agency.items():
        listed = ", ".join(berichtsoorten[:LISTED_AT_MOST])
        more = len(berichtsoorten) - LISTED_AT_MOST
        beyond = f" and {more} more" if more > 0 else ""
        yield f"To agency {name}: {listed or 'no berichtsoort'}{beyond}."


def toml_of(value: object) -> str:
    """Return a value as TOML writes it on one line.

    Args:
        value: a text, path, number, truth, moment, or a list or mapping of them.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, str | Path):
        # JSON escapes as TOML does, except that it leaves DEL and the like as they are.
        quoted = json.dumps(str(value), ensure_ascii=False)
        return "".join(
            char if char.isprintable() or ord(char) > 0xFFFF else f"\\u{ord(char):04x}"
            for char in quoted
        )
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {toml_of(item)}' for key, item in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_of, value))}]"
    raise TypeError(f"TOML has no {type(value).__name__}")


def _line(config: Config, setting: str, key: str, origin: str) -> str:
    value = _IN_FORCE[setting](config) if setting in _IN_FORCE else getattr(config, setting)
    if isinstance(value, frozenset):
        value = sorted(value)
    why_not = _why_not(config, setting)
    if why_not:
        if origin == "default":
            return f"# {key}: not in force: {why_not}"
        return _without_effect(key, value, why_not)
    if value in (None, "", [], ()):
        return f"# {key}: {_unset(config, setting)}"
    if isinstance(value, list | tuple) and len(value) > LISTED_AT_MOST:
        return f"# {key}: {len(value)} of them".ljust(_COLUMN) + f"  # {origin}"
    return f"{key} = {toml_of(value)}".ljust(_COLUMN) + f"  # {origin}"


def _identity_lines(config: Config, setting: str, origin: str) -> Iterator[str]:
    tls, signing = identity_files(config)
    files = tls if setting == "tls" else signing
    for field in fields(files):
        path, key = getattr(files, field.name), f"{KEYS[setting]}.{field.name}"
        if path is None:
            continue
        if field.name == "password_file" and files.pkcs12 is None:
            yield _without_effect(key, path, "only pkcs12 has a password")
        else:
            yield f"{key} = {toml_of(path)}".ljust(_COLUMN) + f"  # {origin}"


def _stamp_lines(config: Config, key: str) -> Iterator[str]:
    row = config.stamp
    if row == NO_STAMPS:
        yield f"# {key}: none: batches of evidence have no time stamps"
        return
    for field in fields(row):
        value = getattr(row, field.name)
        origin = "default" if value == getattr(NO_STAMPS, field.name) else "file"
        if value in (None, ""):
            continue
        name = f"{key}.{field.name}"
        if not row.is_on and field.name != "policy":
            yield _without_effect(name, value, 'policy = "off"')
        else:
            yield f"{name} = {toml_of(value)}".ljust(_COLUMN) + f"  # {origin}"


def _rules_lines(config: Config, key: str) -> Iterator[str]:
    for field in fields(config.rules):
        value, name = getattr(config.rules, field.name), f"{key}.{field.name}"
        origin = "default" if value == field.default else "file"
        if not value:
            yield f"# {name}: {_NO_RULES[field.name]}"
        else:
            listed = _at_most(tuple(map(str, value))) if isinstance(value, tuple) else value
            yield f"{name} = {toml_of(listed)}".ljust(_COLUMN) + f"  # {origin}"


def _retention_lines(config: Config, key: str) -> Iterator[str]:
    kept = config.retention
    if not kept.rules:
        yield f"# {key}: none: every filing is kept"
        return
    own = [
        {"berichtsoort": rule.berichtsoort, "days": rule.days}
        for rule in kept.rules
        if rule.berichtsoort is not None
    ]
    for rule in kept.rules:
        if rule.berichtsoort is None:
            yield f"{key}.default_days = {rule.days}".ljust(_COLUMN) + "  # file"
    if len(own) > LISTED_AT_MOST:
        yield f"# {key}.rule: {len(own)} of them".ljust(_COLUMN) + "  # file"
    elif own:
        yield f"{key}.rule = {toml_of(own)}".ljust(_COLUMN) + "  # file"
    origin = "default" if kept.hour == DEFAULT_HOUR else "file"
    yield f"{key}.hour = {kept.hour}".ljust(_COLUMN) + f"  # {origin}"


def _object_lines(place: ObjectPlace) -> Iterator[str]:
    for field in fields(place):
        value = getattr(place, field.name)
        if value not in (None, ""):
            name = "ca" if field.name == "ca_file" else field.name
            yield f"{KEYS['store_objects']}.{name} = {toml_of(value)}".ljust(_COLUMN) + "  # file"


def _without_effect(key: str, value: object, why_not: str) -> str:
    return f"# {key} = {toml_of(value)}".ljust(_COLUMN) + f"  # not in force: {why_not}"


_IN_FORCE: Mapping[str, Callable[[Config], object]] = MappingProxyType(
    {
        "pki_dir": lambda config: config.pki,
        "store_key_ring": lambda config: config.key_ring,
        "ca_file": ca_file,
        "crl_dir": crl_directory,
        "explain_faults": lambda config: config.explains,
        "log_level": lambda config: config.least_logged,
        "anchor_rules": lambda config: [_anchor(rule) for rule in config.anchor_rules],
        "mandates": lambda config: [
            *(
                {"kind": "channel", "tls": tls, "signer": signer}
                for tls, signer in sorted(config.mandates)
            ),
            *map(_mailbox, sorted(config.mailboxes, key=lambda mandate: mandate.oin)),
        ],
    }
)
"""What holds, where it is not the value itself."""


def _anchor(rule: AnchorRule) -> dict[str, object]:
    roles = [name for name, role in ROLE_NAMES.items() if role in rule.roles]
    until = {} if rule.until is None else {"until": rule.until}
    return {"sha256": rule.sha256, "roles": roles, **until}


def _mailbox(mandate: MailboxMandate) -> dict[str, object]:
    party = f"{mandate.belanghebbende.type}:{_HIDDEN}"
    return {"kind": "mailbox", "oin": mandate.oin, "belanghebbende": party}


def _unset(config: Config, setting: str) -> str:
    if setting == "unsafe_accept_sha1" and config.mode == "sandbox":
        return "no reason needed: a sandbox accepts SHA-1"
    if setting == "unsafe_sandbox_agency" and config.mode == "sandbox":
        return "no reason needed: a sandbox delivers to it"
    return _UNSET.get(setting, "none")


def _why_not(config: Config, setting: str) -> str:
    """Return why a setting has no effect, empty when it has one."""
    if setting == "pki_dir":
        if config.mode == "production":
            return "production uses no test certificates"
        if config.tls and config.signing and config.ca_file and config.crl_dir:
            return "tls, signing and trust name every file"
    if setting == "crl_proxy" and config.crl_proxy and not config.fetches_crls:
        return "no CRL is fetched, since trust.crl_hosts and trust.crl_urls are empty"
    if setting in ("admin_host", "unsafe_admin_host") and config.admin_port is None:
        return "admin.port is not set"
    if setting == "unsafe_store_url" and config.unsafe_store_url and not config.store_url:
        return "store.url is not set"
    if setting == "unsafe_admin_host" and config.unsafe_admin_host and config.admin_is_loopback:
        return "admin.host is an address of this machine alone"
    if config.mode == "sandbox":
        if setting == "unsafe_accept_sha1" and config.unsafe_accept_sha1:
            return "a sandbox accepts SHA-1 without a reason"
        if setting == "unsafe_sandbox_agency" and config.unsafe_sandbox_agency:
            return "a sandbox delivers to it without a reason"
    return ""


def _authoriser_lines(config: Config) -> Iterator[str]:
    for row in config.authorisers:
        yield ""
        yield "[[authoriser]]"
        yield f"address = {toml_of(row.address)}"
        yield f"kind = {toml_of(row.kind)}"
        for key, values in (("oins", row.oins), ("berichtsoorten", row.berichtsoorten)):
            if values:
                yield f"{key} = {toml_of(_at_most(tuple(sorted(values))))}"
        if row.factory:
            yield f"factory = {toml_of(row.factory)}"


def _agency_lines(config: Config) -> Iterator[str]:
    for row in config.agencies:
        yield ""
        yield "[[agency]]"
        for key, value in _agency(row):
            yield f"{key} = {toml_of(value)}"


def _agency(row: AgencyRow) -> Iterator[tuple[str, object]]:
    yield "name", row.name
    yield "oin", row.oin
    yield "url", row.url
    if row.ca_file is not None:
        yield "ca", row.ca_file
    if row.signer_oin:
        yield "signer_oin", row.signer_oin
    if row.berichtsoorten:
        yield "berichtsoorten", _at_most(row.berichtsoorten)
    for key, seconds in (
        ("connect_seconds", row.timeouts.connect),
        ("silence_seconds", row.timeouts.silence),
        ("total_seconds", row.timeouts.total),
    ):
        yield key, int(seconds)
    yield "concurrency", row.concurrency


def _route_lines(config: Config) -> Iterator[str]:
    if len(config.routes) > LISTED_AT_MOST:
        return
    for row in config.routes:
        yield ""
        yield "[[route]]"
        for key, value in _route(row, config.routing[row.berichtsoort]):
            yield f"{key} = {toml_of(value)}"


def _route(row: Route, in_force: Route) -> Iterator[tuple[str, object]]:
    yield "berichtsoort", row.berichtsoort
    if row.about:
        yield "about", row.about
    if row.belanghebbende_types:
        yield "belanghebbende_types", _at_most(row.belanghebbende_types)
    if row.ontvanger is not None:
        yield "ontvanger", row.ontvanger.number
    if row.rol_ontvanger is not None:
        yield "rol_ontvanger", row.rol_ontvanger
    yield "agency", in_force.destination


def _party_lines(config: Config) -> Iterator[str]:
    if len(config.parties) > LISTED_AT_MOST:
        return
    for row in config.parties:
        yield ""
        yield "[[party]]"
        for key, value in _party(row):
            line = f"{key} = {toml_of(value)}"
            if row.disabled and key not in ("oin", "name", "disabled", "reason"):
                line = f"# {line}".ljust(_COLUMN) + "  # not in force: the party is disabled"
            yield line


def _party(row: PartyRow) -> Iterator[tuple[str, object]]:
    yield "oin", row.oin
    if row.name:
        yield "name", row.name
    yield "operations", sorted(right.value for right in row.rights)
    yield "berichtsoorten", _at_most(row.berichtsoorten)
    yield "belanghebbenden", _at_most(tuple(map(_without_number, row.belanghebbenden)))
    for key in ("requests_per_minute", "bytes_per_day"):
        limit = getattr(row, key)
        if limit is not None:
            yield key, limit
    if row.disabled:
        yield "disabled", True
        yield "reason", row.disabled


def _without_number(belanghebbende: str) -> str:
    kind, colon, _ = belanghebbende.partition(":")
    return f"{kind}:{_HIDDEN}" if colon else kind


def _at_most(values: tuple[str, ...]) -> list[str]:
    if len(values) <= LISTED_AT_MOST:
        return list(values)
    return [*values[:LISTED_AT_MOST], f"and {len(values) - LISTED_AT_MOST} more"]
