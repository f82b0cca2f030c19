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
from digipoort_wus.materials import ca_file, crl_directory, identity_files
from digipoort_wus.pki.anchors import ROLE_NAMES, AnchorRule
from digipoort_wus.process.authorisation import MailboxMandate, PartyRow

LISTED_AT_MOST = 5
"""Values of one setting; of more only the number is told."""
_HIDDEN = "***"
_COLUMN = 60

_UNSET: Mapping[str, str] = MappingProxyType(
    {
        "public_urls": "none: wsa:To may name any host",
        "oins": "none: the OIN of the signing certificate",
        "crl_proxy": "none: hosts are asked directly",
        "unsafe_accept_sha1": "no reason: SHA-1 is refused",
        "unsafe_sandbox_agency": "no reason: nothing is delivered to it",
    }
)
"""What holds where nothing is set, when that is more than nothing."""


def setting_lines(config: Config) -> Iterator[str]:
    """Yield a configuration as lines of TOML, each with what is to be said of it behind a #.

    ``file`` stands behind a value that is not the default. A setting that has no effect is
    turned into a comment, with the reason.
    """
    defaults = Config()
    for setting, key in KEYS.items():
        if setting in ("mailboxes", "parties"):
            continue
        value = getattr(config, setting)
        same = value == getattr(defaults, setting)
        if setting == "mandates":
            same = same and not config.mailboxes
        origin = "default" if same else "file"
        if setting in ("tls", "signing"):
            yield from _identity_lines(config, setting, origin)
        else:
            yield _line(config, setting, key, origin)
    yield from _party_lines(config)


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


def _without_effect(key: str, value: object, why_not: str) -> str:
    return f"# {key} = {toml_of(value)}".ljust(_COLUMN) + f"  # not in force: {why_not}"


_IN_FORCE: Mapping[str, Callable[[Config], object]] = MappingProxyType(
    {
        "pki_dir": lambda config: config.pki,
        "ca_file": ca_file,
        "crl_dir": crl_directory,
        "explain_faults": lambda config: config.explains,
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
    if config.mode == "sandbox":
        if setting == "unsafe_accept_sha1" and config.unsafe_accept_sha1:
            return "a sandbox accepts SHA-1 without a reason"
        if setting == "unsafe_sandbox_agency" and config.unsafe_sandbox_agency:
            return "a sandbox delivers to it without a reason"
    return ""


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
