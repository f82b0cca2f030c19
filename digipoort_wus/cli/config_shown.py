"""What ``config check`` prints of the settings: TOML, and why a setting is not in force.

Paths come out as the gateway will use them. Numbers of a belanghebbende are left out, for
they name people; passwords are not in a configuration at all.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from types import MappingProxyType

from digipoort_wus.cli.config_rows_shown import row_lines
from digipoort_wus.cli.toml_lines import (
    HIDDEN,
    LISTED_AT_MOST,
    at_most,
    set_line,
    toml_of,
    without_effect,
)
from digipoort_wus.config import Config
from digipoort_wus.config_file import KEYS
from digipoort_wus.delivery.connection import Timeouts
from digipoort_wus.delivery.ebms_settings import DEFAULT_CONCURRENCY, DEFAULT_PATH
from digipoort_wus.delivery.stamping import NO_STAMPS
from digipoort_wus.materials import ca_file, crl_directory, identity_files
from digipoort_wus.pki.anchors import ROLE_NAMES, AnchorRule
from digipoort_wus.process.authorisation import MailboxMandate
from digipoort_wus.process.retention import DEFAULT_HOUR
from digipoort_wus.store.object_place import ObjectPlace

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
_TIMEOUTS = Timeouts()
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
        elif setting == "ebms":
            yield from _ebms_lines(config)
        elif setting == "retention":
            yield from _retention_lines(config, key)
        else:
            yield _line(config, setting, key, origin)
    yield from row_lines(config)


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


def _line(config: Config, setting: str, key: str, origin: str) -> str:
    value = _IN_FORCE[setting](config) if setting in _IN_FORCE else getattr(config, setting)
    if isinstance(value, frozenset):
        value = sorted(value)
    why_not = _why_not(config, setting)
    if why_not:
        if origin == "default":
            return f"# {key}: not in force: {why_not}"
        return without_effect(key, value, why_not)
    if value in (None, "", [], ()):
        return f"# {key}: {_unset(config, setting)}"
    if isinstance(value, list | tuple) and len(value) > LISTED_AT_MOST:
        return set_line(f"# {key}: {len(value)} of them", origin)
    return set_line(f"{key} = {toml_of(value)}", origin)


def _identity_lines(config: Config, setting: str, origin: str) -> Iterator[str]:
    tls, signing = identity_files(config)
    files = tls if setting == "tls" else signing
    for field in fields(files):
        path, key = getattr(files, field.name), f"{KEYS[setting]}.{field.name}"
        if path is None:
            continue
        if field.name == "password_file" and files.pkcs12 is None:
            yield without_effect(key, path, "only pkcs12 has a password")
        else:
            yield set_line(f"{key} = {toml_of(path)}", origin)


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
            yield without_effect(name, value, 'policy = "off"')
        else:
            yield set_line(f"{name} = {toml_of(value)}", origin)


def _rules_lines(config: Config, key: str) -> Iterator[str]:
    for field in fields(config.rules):
        value, name = getattr(config.rules, field.name), f"{key}.{field.name}"
        origin = "default" if value == field.default else "file"
        if not value:
            yield f"# {name}: {_NO_RULES[field.name]}"
        else:
            listed = at_most(tuple(map(str, value))) if isinstance(value, tuple) else value
            yield set_line(f"{name} = {toml_of(listed)}", origin)


def _retention_lines(config: Config, key: str) -> Iterator[str]:
    kept = config.retention
    if kept.ebms_days:
        yield set_line(f"{key}.ebms_days = {kept.ebms_days}", "file")
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
            yield set_line(f"{key}.default_days = {rule.days}", "file")
    if len(own) > LISTED_AT_MOST:
        yield set_line(f"# {key}.rule: {len(own)} of them", "file")
    elif own:
        yield set_line(f"{key}.rule = {toml_of(own)}", "file")
    origin = "default" if kept.hour == DEFAULT_HOUR else "file"
    yield set_line(f"{key}.hour = {kept.hour}", origin)


def _object_lines(place: ObjectPlace) -> Iterator[str]:
    for field in fields(place):
        value = getattr(place, field.name)
        if value not in (None, ""):
            name = "ca" if field.name == "ca_file" else field.name
            yield set_line(f"{KEYS['store_objects']}.{name} = {toml_of(value)}", "file")


def _ebms_lines(config: Config) -> Iterator[str]:
    row = config.ebms
    if row is None:
        yield "# ebms: none: nothing is taken or sent over ebMS"
        return
    for key, value, usual in (
        ("path", row.path, DEFAULT_PATH),
        ("filings", row.filings, False),
        ("concurrency", row.concurrency, DEFAULT_CONCURRENCY),
        ("connect_seconds", int(row.timeouts.connect), int(_TIMEOUTS.connect)),
        ("silence_seconds", int(row.timeouts.silence), int(_TIMEOUTS.silence)),
        ("total_seconds", int(row.timeouts.total), int(_TIMEOUTS.total)),
    ):
        origin = "default" if value == usual else "file"
        yield set_line(f"ebms.{key} = {toml_of(value)}", origin)
    if row.host:
        yield set_line(f"ebms.host = {toml_of(row.host)}", "file")
    parties = [{"id": one.value, "type": one.type or ""} for one in row.parties]
    if parties:
        yield set_line(f"ebms.party = {toml_of(parties)}", "file")
    else:
        yield "# ebms.party: none: the OIN of the TLS certificate"
    if row.identities:
        yield set_line(f"# ebms.identity: {len(row.identities)} of them", "file")
    if row.backend is None:
        yield "# ebms.backend: none: no application is answered"
        return
    names = ", ".join(token.name for token in row.backend.tokens)
    told: Mapping[str, object] = {
        "host": row.backend.host,
        "port": row.backend.port,
        "tls": row.backend.tls,
        "clients": sorted(row.backend.clients),
    }
    for key, setting in told.items():
        yield set_line(f"ebms.backend.{key} = {toml_of(setting)}", "file")
    yield set_line(f"# ebms.backend.token: {names}", "file")


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
    party = f"{mandate.belanghebbende.type}:{HIDDEN}"
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
