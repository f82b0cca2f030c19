"""Configuration: one TOML file, read into frozen values, every mistake a sentence.

Paths in the file are relative to the file. Secrets are never in it: a password is
named by the file that holds it.
"""

import tomllib
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.party import Party
from digipoort_wus.pki.anchors import ROLE_NAMES, AnchorRule, roles_of
from digipoort_wus.pki.distribution import host_of
from digipoort_wus.pki.identity import Identity, load_pem, load_pkcs12
from digipoort_wus.pki.oin import parse_oin
from digipoort_wus.process.authorisation import (
    EVERYTHING,
    AuthorisationTable,
    MailboxMandate,
    Others,
    PartyRow,
    Right,
    authorisation_table,
)
from digipoort_wus.soap.addressing import origin_of
from digipoort_wus.wss.oracle import ENGINES

T = TypeVar("T")
Mode = Literal["sandbox", "production"]
DEFAULT_DATA_DIR = Path("digipoort-wus-data")
DEFAULT_PORT = 8443


@dataclass(frozen=True, slots=True)
class IdentityFiles:
    """Where a certificate and its key are: two PEM files, or one PKCS#12 file."""

    certificate: Path | None = None
    key: Path | None = None
    pkcs12: Path | None = None
    password_file: Path | None = None

    def load(self) -> Identity:
        """Return the identity.

        Raises:
            ConfigurationError: the files are missing, or do not belong together.
        """
        if self.pkcs12 is not None:
            password = ""
            if self.password_file is not None:
                try:
                    password = self.password_file.read_text("utf-8").strip("\r\n")
                except OSError as error:
                    raise ConfigurationError(
                        f"The password file {self.password_file} cannot be read: {error.strerror}."
                    ) from error
                except UnicodeDecodeError as error:
                    raise ConfigurationError(
                        f"The password file {self.password_file} holds no text in UTF-8: write "
                        "the password alone into it."
                    ) from error
            return load_pkcs12(self.pkcs12, password)
        if self.certificate is None or self.key is None:
            raise ConfigurationError("Name both `certificate` and `key`, or `pkcs12`.")
        return load_pem(self.certificate, self.key)


@dataclass(frozen=True, slots=True)
class Config:
    """Everything an operator can set.

    Args:
        mode: ``sandbox`` explains faults, plays scenarios and accepts test
            certificates and SHA-1; ``production`` does so only where a setting says it.
        data_dir: filings and statuses; in a sandbox also the test PKI.
        host: address to listen on; ``localhost`` listens on 127.0.0.1 and ::1.
        port: TCP port, 0 for a free one.
        public_urls: base URLs that wsa:To may name; empty in a sandbox accepts any host.
        ca_file: roots and intermediates of clients and signers.
        crl_dir: one CRL for each of them.
        anchor_rules: for which roles and until when a root of ``ca_file`` is trusted; one
            without a rule is trusted for every role until its notAfter.
        crl_hosts: ``host:port`` from which CRLs are fetched that the known certificates name.
        crl_urls: other CRLs to fetch, over http.
        crl_proxy: ``http://host:port`` through which they are fetched; empty asks directly.
        reload_seconds: between two looks at the files of certificates, keys and CRLs; 0 does
            not look.
        tls: identity for TLS connections.
        signing: identity that signs answers.
        mandates: pairs (TLS peer's OIN, signer's OIN) that may differ.
        mailboxes: mandates to fetch the messages for a belanghebbende, whoever filed.
        parties: who may do what; without a row nobody gets in, in a sandbox everybody does.
        signature_engine: ``native``, ``signxml`` or ``both``.
        oins: whose messages the services of Digikoppeling receive, by the routing parameter
            OIN; empty: those for the OIN of the signing certificate.
        accept_pss: accept RSASSA-PSS signatures on the services of Digikoppeling.
        unsafe_accept_sha1: the reason why production accepts SHA-1; empty refuses it.
        unsafe_sandbox_agency: the reason why production delivers to the sandbox agency.
        fault_status: HTTP status of SOAP faults, 500 or 200.
        echo_message_id: give answers the MessageID of the request.
        autorisatie_adressen: registered authorisation services.
    """

    mode: Mode = "sandbox"
    data_dir: Path = DEFAULT_DATA_DIR
    host: str = "localhost"
    port: int = DEFAULT_PORT
    public_urls: tuple[str, ...] = ()
    pki_dir: Path | None = None
    ca_file: Path | None = None
    crl_dir: Path | None = None
    anchor_rules: tuple[AnchorRule, ...] = ()
    crl_hosts: frozenset[str] = frozenset()
    crl_urls: tuple[str, ...] = ()
    crl_proxy: str = ""
    reload_seconds: int = 60
    tls: IdentityFiles | None = None
    signing: IdentityFiles | None = None
    mandates: frozenset[tuple[str, str]] = frozenset()
    mailboxes: frozenset[MailboxMandate] = frozenset()
    parties: tuple[PartyRow, ...] = ()
    signature_engine: str = "native"
    oins: frozenset[str] = frozenset()
    accept_pss: bool = False
    unsafe_accept_sha1: str = ""
    unsafe_sandbox_agency: str = ""
    explain_faults: bool | None = None
    fault_status: int = 500
    echo_message_id: bool = False
    autorisatie_adressen: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name in ("unsafe_accept_sha1", "unsafe_sandbox_agency"):
            # White space is no reason.
            object.__setattr__(self, name, getattr(self, name).strip())
        _ = self.authorisations  # two rows for one party are refused here
        if self.mode == "production":
            self._require_production()
        if self.signature_engine not in ENGINES:
            raise ConfigurationError(
                f"security.signature_engine is one of {', '.join(ENGINES)}, "
                f"not {self.signature_engine!r}."
            )
        if self.fault_status not in (200, 500):
            raise ConfigurationError("security.fault_status is 500, or 200 for some clients.")
        if not 0 <= self.port <= 65_535:
            raise ConfigurationError("listen.port is a TCP port, 0 to 65535.")
        if not self.host:
            # Twisted would take it for every address that the machine has.
            raise ConfigurationError(
                'listen.host is an address such as "localhost"; "0.0.0.0" or "::" are all of them.'
            )
        for url in self.public_urls:
            _origin(url)
        for url in self.crl_urls:
            _crl_host("trust.crl_urls", url)
        if self.crl_proxy:
            _crl_host("trust.crl_proxy", self.crl_proxy)
        if self.reload_seconds < 0:
            raise ConfigurationError("trust.reload_seconds is a number of seconds; 0 is never.")

    @property
    def fetches_crls(self) -> bool:
        """Return whether CRLs are fetched: when it is said from where."""
        return bool(self.crl_hosts or self.crl_urls)

    @property
    def authorisations(self) -> AuthorisationTable:
        """Return who may do what: in production only who has a row."""
        others = Others.ADMITTED if self.mode == "sandbox" else Others.REFUSED
        return authorisation_table(self.parties, self.mailboxes, others=others)

    @property
    def origins(self) -> frozenset[tuple[str, str, int]] | None:
        """Return what wsa:To may name; None when a sandbox accepts any host."""
        if not self.public_urls:
            return None
        return frozenset(_origin(url) for url in self.public_urls)

    @property
    def explains(self) -> bool:
        """Return whether fault texts carry the explanation."""
        return self.mode == "sandbox" if self.explain_faults is None else self.explain_faults

    @property
    def pki(self) -> Path:
        """Return the directory of the test PKI of a sandbox."""
        return self.pki_dir or self.data_dir

    def _require_production(self) -> None:
        missing = [
            name
            for name, value in (
                ("listen.public_urls", self.public_urls),
                ("tls", self.tls),
                ("signing", self.signing),
                ("trust.ca", self.ca_file),
                ("trust.crls", self.crl_dir),
            )
            if not value
        ]
        if missing:
            raise ConfigurationError(f"Production needs {', '.join(missing)}: add what is missing.")
        if not self.parties:
            raise ConfigurationError(
                "Production lets in only who has a row: add a [[party]] with oin and operations."
            )
        if not self.unsafe_sandbox_agency:
            raise ConfigurationError(
                "This version can deliver to the built-in sandbox agency only. Give the reason "
                'in process.unsafe_sandbox_agency, or run with mode = "sandbox".'
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
        )
        for reader in (self, listen, trust, security, process):
            reader.refuse_the_rest()
        if config.parties and "mode" not in self.table:
            raise ConfigurationError(
                'There is a [[party]] and no mode: say mode = "production", or mode = "sandbox", '
                "in which whoever has no row may do everything."
            )
        return config

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


def _origin(url: str) -> tuple[str, str, int]:
    try:
        return origin_of(url)
    except ValueError as error:
        raise ConfigurationError(
            f"listen.public_urls: {url!r} is no URL like https://wus.example.nl."
        ) from error


def _bare_host(key: str, host: str) -> str:
    if "/" in host or "?" in host:
        raise ConfigurationError(
            f"{key}: {host!r} is no host such as crl.example.nl; give URLs in trust.crl_urls."
        )
    return _crl_host(key, f"http://{host}")


def _crl_host(key: str, url: str) -> str:
    try:
        return host_of(url)
    except ValueError as error:
        raise ConfigurationError(f"{key}: {error}; CRLs are fetched over plain http.") from error
