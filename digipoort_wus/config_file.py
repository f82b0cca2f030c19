"""Reads a configuration: one TOML file, every mistake a sentence that names its key.

Paths in the file are relative to the file. Secrets are never in it: a password is
named by the file that holds it.
"""

import tomllib
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from digipoort_wus.config import (
    DEFAULT_DATA_DIR,
    DEFAULT_MIN_FREE_BYTES,
    DEFAULT_PORT,
    ROLES,
    Config,
    IdentityFiles,
    Role,
    crl_host,
)
from digipoort_wus.delivery.agencies import DEFAULT_CONCURRENCY, AgencyRow
from digipoort_wus.delivery.connection import Timeouts
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.party import Party
from digipoort_wus.pki.anchors import ROLE_NAMES, AnchorRule, roles_of
from digipoort_wus.pki.oin import parse_oin
from digipoort_wus.process.authorisation import EVERYTHING, MailboxMandate, PartyRow, Right
from digipoort_wus.process.routes import Route

T = TypeVar("T")
KEYS = MappingProxyType(
    {
        "mode": "mode",
        "data_dir": "data_dir",
        "pki_dir": "pki_dir",
        "host": "listen.host",
        "port": "listen.port",
        "public_urls": "listen.public_urls",
        "drain_seconds": "listen.drain_seconds",
        "tls": "tls",
        "signing": "signing",
        "ca_file": "trust.ca",
        "crl_dir": "trust.crls",
        "anchor_rules": "trust.anchors",
        "crl_hosts": "trust.crl_hosts",
        "crl_urls": "trust.crl_urls",
        "crl_proxy": "trust.crl_proxy",
        "reload_seconds": "trust.reload_seconds",
        "mandates": "security.mandates",
        "mailboxes": "security.mandates",
        "signature_engine": "security.signature_engine",
        "oins": "security.oins",
        "accept_pss": "security.accept_pss",
        "unsafe_accept_sha1": "security.unsafe_accept_sha1",
        "explain_faults": "security.explain_faults",
        "fault_status": "security.fault_status",
        "echo_message_id": "security.echo_message_id",
        "unsafe_sandbox_agency": "process.unsafe_sandbox_agency",
        "autorisatie_adressen": "process.autorisatie_adressen",
        "lease_seconds": "process.lease_seconds",
        "role": "role",
        "store_url": "store.url",
        "store_password_file": "store.password_file",
        "store_payloads": "store.payloads",
        "store_key_ring": "store.key_ring",
        "min_free_bytes": "store.min_free_bytes",
        "admin_host": "admin.host",
        "admin_port": "admin.port",
        "unsafe_admin_host": "admin.unsafe_host",
        "log_format": "log.format",
        "log_level": "log.level",
        "agencies": "agency",
        "routes": "route",
        "parties": "party",
    }
)
"""Under which key of the file each setting stands, in the order of the file."""


_RENEWED = frozenset({"parties", "mailboxes", "routes"})
"""Settings that are put into force while a gateway runs."""
_CHANNELS = "security.mandates (channel)"
_WAITS = Timeouts()


def needs_restart(running: Config, other: Config) -> tuple[str, ...]:
    """Return the keys of the settings in which two configurations differ, without the values.

    Left out is what a running gateway takes over: parties, mailbox mandates and routes.
    """
    return tuple(
        _CHANNELS if setting == "mandates" else key
        for setting, key in KEYS.items()
        if setting not in _RENEWED and getattr(running, setting) != getattr(other, setting)
    )


def load_config(path: Path) -> Config:
    """Read a configuration file.

    Raises:
        ConfigurationError: the file cannot be read, is no TOML, or has an unknown
            key or a value of the wrong kind; the sentence names the key.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is no TOML: {error}.") from error
    return _Reader(data, "", path.parent).config()


@dataclass(slots=True)
class _Reader:
    """Takes known keys out of one table; what is left over at the end is unknown."""

    table: dict[str, object]
    name: str
    base: Path
    _used: set[str] = field(default_factory=set)

    def config(self) -> Config:
        mode = self.text("mode", "sandbox")
        if mode not in ("sandbox", "production"):
            raise ConfigurationError(f'mode is "sandbox" or "production", not {mode!r}.')
        listen, trust = self.section("listen"), self.section("trust")
        security, process = self.section("security"), self.section("process")
        store, admin, log = self.section("store"), self.section("admin"), self.section("log")
        channels, mailboxes = security.mandates()
        config = Config(
            mode="production" if mode == "production" else "sandbox",
            data_dir=self.path("data_dir") or DEFAULT_DATA_DIR,
            pki_dir=self.path("pki_dir"),
            tls=self.identity("tls"),
            signing=self.identity("signing"),
            host=listen.text("host", "localhost"),
            port=listen.number("port", DEFAULT_PORT),
            public_urls=tuple(listen.texts("public_urls")),
            ca_file=trust.path("ca"),
            crl_dir=trust.path("crls"),
            anchor_rules=tuple(row.anchor_rule() for row in trust.tables("anchors")),
            crl_hosts=frozenset(
                _bare_host("trust.crl_hosts", host) for host in trust.texts("crl_hosts")
            ),
            crl_urls=tuple(trust.texts("crl_urls")),
            crl_proxy=trust.text("crl_proxy", ""),
            reload_seconds=trust.number("reload_seconds", 60),
            mandates=frozenset(channels),
            mailboxes=frozenset(mailboxes),
            agencies=tuple(row.agency() for row in self.tables("agency")),
            routes=tuple(row.route() for row in self.tables("route")),
            parties=tuple(row.party() for row in self.tables("party")),
            signature_engine=security.text("signature_engine", "native"),
            oins=frozenset(security.oins("oins")),
            accept_pss=bool(security.flag("accept_pss")),
            unsafe_accept_sha1=security.text("unsafe_accept_sha1", ""),
            explain_faults=security.flag("explain_faults"),
            fault_status=security.number("fault_status", 500),
            echo_message_id=bool(security.flag("echo_message_id")),
            unsafe_sandbox_agency=process.text("unsafe_sandbox_agency", ""),
            autorisatie_adressen=frozenset(process.texts("autorisatie_adressen")),
            lease_seconds=process.number("lease_seconds", 60),
            role=self.role(),
            store_url=store.text("url", ""),
            store_password_file=store.path("password_file"),
            store_payloads=store.path("payloads"),
            store_key_ring=store.path("key_ring"),
            min_free_bytes=store.number("min_free_bytes", DEFAULT_MIN_FREE_BYTES),
            drain_seconds=listen.number("drain_seconds", 0),
            admin_host=admin.text("host", "127.0.0.1"),
            admin_port=admin.limit("port"),
            unsafe_admin_host=admin.text("unsafe_host", ""),
            log_format=log.text("format", "text"),
            log_level=log.text("level", ""),
        )
        for reader in (self, listen, trust, security, process, store, admin, log):
            reader.refuse_the_rest()
        if config.parties and "mode" not in self.table:
            raise ConfigurationError(
                'There is a [[party]] and no mode: say mode = "production", or mode = "sandbox", '
                "in which whoever has no row may do everything."
            )
        return config

    def role(self) -> Role:
        text = self.text("role", "all")
        for role in ROLES:
            if text == role:
                return role
        raise ConfigurationError(f"role is one of {', '.join(ROLES)}, not {text!r}.")

    def identity(self, key: str) -> IdentityFiles | None:
        self._used.add(key)
        if key not in self.table:
            return None
        section = self.section(key)
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
                f"{self.name}{key} names both `certificate` and `key`, or only `pkcs12`."
            )
        return files

    def section(self, key: str) -> "_Reader":
        value = self._take(key, dict, {}, "a table")
        return _Reader(value, f"{self.name}{key}.", self.base)

    def text(self, key: str, default: str) -> str:
        return self._take(key, str, default, "a text")

    def number(self, key: str, default: int) -> int:
        return self._take(key, int, default, "a whole number")

    def flag(self, key: str) -> bool | None:
        self._used.add(key)
        if key not in self.table:
            return None
        return self._take(key, bool, False, "true or false")

    def path(self, key: str) -> Path | None:
        value = self._take(key, str, "", "a path")
        if "\0" in value:
            raise ConfigurationError(f"{self.name}{key} must be a path, without NUL characters.")
        return self.base / value if value else None

    def texts(self, key: str) -> list[str]:
        values = self._take(key, list, [], "a list of texts")
        if not all(isinstance(value, str) for value in values):
            raise ConfigurationError(f"{self.name}{key} must be a list of texts.")
        return values

    def tables(self, key: str) -> list["_Reader"]:
        rows = self._take(key, list, [], "a list of tables")
        if not all(isinstance(row, dict) for row in rows):
            raise ConfigurationError(f"{self.name}{key} must be a list of tables.")
        return [
            _Reader(row, f"{self.name}{key}[{number}].", self.base)
            for number, row in enumerate(rows, 1)
        ]

    def mandates(self) -> tuple[list[tuple[str, str]], list[MailboxMandate]]:
        """Return who may carry whose messages, and who may fetch for whom."""
        channels, mailboxes = [], []
        for row in self.tables("mandates"):
            kind = row.text("kind", "channel")
            if kind == "channel":
                channels.append((row.oin("tls"), row.oin("signer")))
            elif kind == "mailbox":
                mailboxes.append(MailboxMandate(row.oin("oin"), row.belanghebbende()))
            else:
                raise ConfigurationError(f'{row.name}kind is "channel" or "mailbox", not {kind!r}.')
            row.refuse_the_rest()
        return channels, mailboxes

    def anchor_rule(self) -> AnchorRule:
        roles = self.texts("roles") if "roles" in self.table else list(ROLE_NAMES)
        self._used.add("until")
        until = self.table.get("until")
        if until is not None and not isinstance(until, datetime):
            raise ConfigurationError(
                f"{self.name}until must be a moment such as 2028-11-13T23:00:00Z."
            )
        try:
            rule = AnchorRule(self.text("sha256", ""), roles_of(roles), until)
        except ConfigurationError as error:
            raise ConfigurationError(f"{self.name[:-1]}: {error}") from error
        self.refuse_the_rest()
        return rule

    def agency(self) -> AgencyRow:
        row = partial(
            AgencyRow,
            name=self.text("name", ""),
            oin=self.oin("oin"),
            url=self.text("url", ""),
            ca_file=self.path("ca"),
            signer_oin=self.oin("signer_oin") if "signer_oin" in self.table else "",
            berichtsoorten=tuple(self.texts("berichtsoorten")),
            timeouts=Timeouts(
                self.number("connect_seconds", int(_WAITS.connect)),
                self.number("silence_seconds", int(_WAITS.silence)),
                self.number("total_seconds", int(_WAITS.total)),
            ),
            concurrency=self.number("concurrency", DEFAULT_CONCURRENCY),
        )
        self._used.add("signer_oin")
        self.refuse_the_rest()
        return row()

    def route(self) -> Route:
        berichtsoort = self.text("berichtsoort", "")
        row = Route(
            berichtsoort,
            about=self.text("about", ""),
            belanghebbende_types=tuple(self.texts("belanghebbende_types")),
            ontvanger=Party(self.oin("ontvanger"), "OIN") if "ontvanger" in self.table else None,
            rol_ontvanger=self.text("rol_ontvanger", "") or None,
            destination=self.text("agency", ""),
        )
        self._used.add("ontvanger")
        self.refuse_the_rest()
        if not berichtsoort:
            raise ConfigurationError(f"{self.name}berichtsoort is needed: say which it is.")
        return row

    def party(self) -> PartyRow:
        disabled, reason = bool(self.flag("disabled")), self.text("reason", "").strip()
        if disabled != bool(reason):
            raise ConfigurationError(
                f"{self.name}disabled = true and reason go together: say why, or leave both out."
            )
        oin, name, operations = self.oin("oin"), self.text("name", ""), self.words("operations")
        known = {right.value: right for right in Right}
        if unknown := set(operations) - {EVERYTHING, *known}:
            raise ConfigurationError(
                f"{self.name}operations: {sorted(unknown)[0]!r} is none of {', '.join(known)}."
            )
        row = partial(
            PartyRow,
            oin=oin,
            name=name,
            disabled=reason,
            rights=frozenset(known.values() if EVERYTHING in operations else ())
            | {known[word] for word in operations if word != EVERYTHING},
            berichtsoorten=self.words("berichtsoorten"),
            belanghebbenden=self.words("belanghebbenden"),
            requests_per_minute=self.limit("requests_per_minute"),
            bytes_per_day=self.limit("bytes_per_day"),
        )
        # An unknown key is named before what is missing for want of it.
        self.refuse_the_rest()
        return row()

    def oin(self, key: str) -> str:
        text = self.text(key, "")
        try:
            return parse_oin(text)
        except ValueError as error:
            raise ConfigurationError(f"{self.name}{key}: {text!r} is {error}.") from error

    def oins(self, key: str) -> list[str]:
        try:
            return [parse_oin(text) for text in self.texts(key)]
        except ValueError as error:
            raise ConfigurationError(f"{self.name}{key}: one of them is {error}.") from error

    def belanghebbende(self) -> Party:
        text = self.text("belanghebbende", "")
        kind, _, number = text.partition(":")
        if not kind.strip() or not number.strip() or "*" in text:
            raise ConfigurationError(
                f'{self.name}belanghebbende is "type:number", such as "Fi:001000044B37".'
            )
        return Party(number, kind)

    def words(self, key: str) -> tuple[str, ...]:
        if self.table.get(key) == EVERYTHING:
            self._used.add(key)
            return (EVERYTHING,)
        return tuple(self.texts(key))

    def limit(self, key: str) -> int | None:
        self._used.add(key)
        return self.number(key, 0) if key in self.table else None

    def refuse_the_rest(self) -> None:
        unknown = sorted(set(self.table) - self._used)
        if unknown:
            raise ConfigurationError(
                f"Unknown key {self.name}{unknown[0]}; known here: {', '.join(sorted(self._used))}."
            )

    def _take(self, key: str, kind: type[T], default: T, what: str) -> T:
        self._used.add(key)
        value = self.table.get(key, default)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ConfigurationError(f"{self.name}{key} must be {what}.")
        return value


def _bare_host(key: str, host: str) -> str:
    if "/" in host or "?" in host:
        raise ConfigurationError(
            f"{key}: {host!r} is no host such as crl.example.nl; give URLs in trust.crl_urls."
        )
    return crl_host(key, f"http://{host}")
