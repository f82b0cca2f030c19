"""Reads a configuration: one TOML file, every mistake a sentence that names its key.

config_rows.py reads the rows, config_table.py one table. Paths in the file are
relative to the file. Secrets are never in it: a password is named by the file that
holds it.
"""

import tomllib
from pathlib import Path
from types import MappingProxyType

from digipoort_wus import config_rows as rows
from digipoort_wus.config import (
    DEFAULT_DATA_DIR,
    DEFAULT_MIN_FREE_BYTES,
    DEFAULT_PORT,
    DEFAULT_SEAL_EVERY,
    Config,
)
from digipoort_wus.config_addresses import crl_host
from digipoort_wus.config_table import Table
from digipoort_wus.errors import ConfigurationError

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
        "unsafe_store_url": "store.unsafe_url",
        "store_password_file": "store.password_file",
        "store_payloads": "store.payloads",
        "store_key_ring": "store.key_ring",
        "store_objects": "store.objects",
        "min_free_bytes": "store.min_free_bytes",
        "retention": "retention",
        "rules": "rules",
        "seal_every": "evidence.seal_every",
        "stamp": "evidence.stamp",
        "admin_host": "admin.host",
        "admin_port": "admin.port",
        "unsafe_admin_host": "admin.unsafe_host",
        "log_format": "log.format",
        "log_level": "log.level",
        "ebms": "ebms",
        "authorisers": "authoriser",
        "agencies": "agency",
        "routes": "route",
        "parties": "party",
    }
)
"""Under which key of the file each setting stands, in the order of the file."""


_RENEWED = frozenset({"parties", "mailboxes", "routes"})
"""Settings that are put into force while a gateway runs."""
_CHANNELS = "security.mandates (channel)"


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
    return _config(Table(data, "", path.parent))


def _config(file: Table) -> Config:
    mode = file.text("mode", "sandbox")
    if mode not in ("sandbox", "production"):
        raise ConfigurationError(f'mode is "sandbox" or "production", not {mode!r}.')
    listen, trust = file.section("listen"), file.section("trust")
    security, process = file.section("security"), file.section("process")
    store, admin, log = file.section("store"), file.section("admin"), file.section("log")
    evidence = file.section("evidence")
    channels, mailboxes = rows.mandates(security)
    config = Config(
        mode="production" if mode == "production" else "sandbox",
        data_dir=file.path("data_dir") or DEFAULT_DATA_DIR,
        pki_dir=file.path("pki_dir"),
        tls=rows.identity(file, "tls"),
        signing=rows.identity(file, "signing"),
        host=listen.text("host", "localhost"),
        port=listen.number("port", DEFAULT_PORT),
        public_urls=tuple(listen.texts("public_urls")),
        ca_file=trust.path("ca"),
        crl_dir=trust.path("crls"),
        anchor_rules=tuple(rows.anchor_rule(row) for row in trust.tables("anchors")),
        crl_hosts=frozenset(
            _bare_host("trust.crl_hosts", host) for host in trust.texts("crl_hosts")
        ),
        crl_urls=tuple(trust.texts("crl_urls")),
        crl_proxy=trust.text("crl_proxy", ""),
        reload_seconds=trust.number("reload_seconds", 60),
        mandates=frozenset(channels),
        mailboxes=frozenset(mailboxes),
        ebms=rows.ebms(file),
        authorisers=tuple(rows.authoriser(row) for row in file.tables("authoriser")),
        agencies=tuple(rows.agency(row) for row in file.tables("agency")),
        routes=tuple(rows.route(row) for row in file.tables("route")),
        parties=tuple(rows.party(row) for row in file.tables("party")),
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
        role=rows.role(file),
        store_url=store.text_if_given("url"),
        unsafe_store_url=store.text("unsafe_url", ""),
        store_password_file=store.path("password_file"),
        store_payloads=store.path("payloads"),
        store_key_ring=store.path("key_ring"),
        store_objects=rows.objects(store),
        min_free_bytes=store.number("min_free_bytes", DEFAULT_MIN_FREE_BYTES),
        retention=rows.retained(file.section("retention")),
        rules=rows.rules(file.section("rules")),
        drain_seconds=listen.number("drain_seconds", 0),
        seal_every=evidence.number("seal_every", DEFAULT_SEAL_EVERY),
        stamp=rows.stamp(evidence.section("stamp")),
        admin_host=admin.text("host", "127.0.0.1"),
        admin_port=admin.limit("port"),
        unsafe_admin_host=admin.text("unsafe_host", ""),
        log_format=log.text("format", "text"),
        log_level=log.text("level", ""),
    )
    for reader in (file, listen, trust, security, process, store, evidence, admin, log):
        reader.refuse_the_rest()
    if config.parties and not file.has("mode"):
        raise ConfigurationError(
            'There is a [[party]] and no mode: say mode = "production", or mode = "sandbox", '
            "in which whoever has no row may do everything."
        )
    return config


def _bare_host(key: str, host: str) -> str:
    if "/" in host or "?" in host:
        raise ConfigurationError(
            f"{key}: {host!r} is no host such as crl.example.nl; give URLs in trust.crl_urls."
        )
    return crl_host(key, f"http://{host}")
