"""Configuration: one TOML file, read into frozen values, every mistake a sentence.

Paths in the file are relative to the file. Secrets are never in it: a password is
named by the file that holds it.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.pki.identity import Identity, load_pem, load_pkcs12
from digipoort_wus.soap.addressing import origin_of
from digipoort_wus.wss.oracle import ENGINES

T = TypeVar("T")
Mode = Literal["sandbox", "production"]
DEFAULT_DATA_DIR = Path("digipoort-wus-data")
DEFAULT_PORT = 8443
_OIN_LENGTH = 20


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
                    password = self.password_file.read_text().strip("\r\n")
                except OSError as error:
                    raise ConfigurationError(
                        f"The password file {self.password_file} cannot be read: {error.strerror}."
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
        tls: identity for TLS connections.
        signing: identity that signs answers.
        mandates: pairs (TLS peer's OIN, signer's OIN) that may differ.
        signature_engine: ``native``, ``signxml`` or ``both``.
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
    tls: IdentityFiles | None = None
    signing: IdentityFiles | None = None
    mandates: frozenset[tuple[str, str]] = frozenset()
    signature_engine: str = "native"
    unsafe_accept_sha1: str = ""
    unsafe_sandbox_agency: str = ""
    explain_faults: bool | None = None
    fault_status: int = 500
    echo_message_id: bool = False
    autorisatie_adressen: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
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
            mandates=frozenset(security.pairs("mandates", "tls", "signer")),
            signature_engine=security.text("signature_engine", "native"),
            unsafe_accept_sha1=security.text("unsafe_accept_sha1", ""),
            explain_faults=security.flag("explain_faults"),
            fault_status=security.number("fault_status", 500),
            echo_message_id=bool(security.flag("echo_message_id")),
            unsafe_sandbox_agency=process.text("unsafe_sandbox_agency", ""),
            autorisatie_adressen=frozenset(process.texts("autorisatie_adressen")),
        )
        for reader in (self, listen, trust, security, process):
            reader.refuse_the_rest()
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

    def pairs(self, key: str, first: str, second: str) -> list[tuple[str, str]]:
        rows: list[object] = self._take(key, list, [], "a list of tables")
        pairs = []
        for row in rows:
            if not isinstance(row, Mapping) or set(row) != {first, second}:
                raise ConfigurationError(
                    f"{self.name}{key} must be a list of tables {{ {first}, {second} }}."
                )
            pair = (row[first], row[second])
            if not all(isinstance(oin, str) and len(oin) == _OIN_LENGTH for oin in pair):
                raise ConfigurationError(
                    f"{self.name}{key}: {first} and {second} are OINs, "
                    f"texts of {_OIN_LENGTH} digits."
                )
            pairs.append(pair)
        return pairs

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
