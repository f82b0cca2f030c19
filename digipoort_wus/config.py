"""What an operator can set, as frozen values; what does not fit together is one sentence."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from digipoort_wus.config_addresses import crl_host, is_loopback, public_origin
from digipoort_wus.delivery.agencies import AgencyRow, routing
from digipoort_wus.delivery.ebms_settings import EbmsSettings
from digipoort_wus.delivery.stamping import NO_STAMPS, StampRow
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.identity_files import IdentityFiles as IdentityFiles
from digipoort_wus.pki.anchors import AnchorRule
from digipoort_wus.process.authorisation import (
    AuthorisationTable,
    MailboxMandate,
    Others,
    PartyRow,
    authorisation_table,
)
from digipoort_wus.process.authorisers import AuthoriserRow
from digipoort_wus.process.retention import Retention
from digipoort_wus.process.routes import SANDBOX_AGENCY, Route, Routes, sandbox_routes
from digipoort_wus.process.validators import RulesRow
from digipoort_wus.store.address import require_address, require_private
from digipoort_wus.store.keyfile import KEY_RING
from digipoort_wus.store.object_place import ObjectPlace
from digipoort_wus.wss.oracle import ENGINES

Mode = Literal["sandbox", "production"]
Role = Literal["all", "front", "worker"]
ROLES: tuple[Role, ...] = ("all", "front", "worker")
DEFAULT_DATA_DIR = Path("digipoort-wus-data")
DEFAULT_PORT = 8443
DEFAULT_MIN_FREE_BYTES = 268_435_456
LOG_FORMATS = ("text", "json")
LOG_LEVELS = ("debug", "info", "warning", "error")
_DRAIN_MAX = 3_600
_LEASE_SECONDS = range(2, 3_601)
DEFAULT_SEAL_EVERY = 60
_SEAL_EVERY = range(1, 86_401)
_KEEP_ALL = Retention()
_SHIPPED_RULES = RulesRow()
_REASONS = ("unsafe_accept_sha1", "unsafe_sandbox_agency", "unsafe_store_url", "unsafe_admin_host")


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
        autorisatie_adressen: registered authorisation services, besides those of ``authorisers``.
        authorisers: who answers for an ``autorisatieAdres``.
        ebms: the message handler of ebMS; None: there is none.
        agencies: who takes deliveries, besides the sandbox agency.
        routes: which berichtsoorten there are besides those of the sandbox, or instead of
            them, and whose they are; in production there are no others.
        role: what this process does: ``front`` answers, ``worker`` works on filings, ``all`` both.
        lease_seconds: for which a process has a filing to itself; when it dies, so long nobody
            takes over.
        store_url: PostgreSQL's address, without a password; empty: SQLite in ``data_dir``.
        unsafe_store_url: the reason why production reaches it without TLS that says who it is.
        store_password_file: holds the password for it; None: libpq finds one, or needs none.
        store_payloads: directory of large documents that all machines share.
        store_key_ring: the key ring; ``key-ring`` in ``data_dir`` when None.
        store_objects: the bucket that large documents go to; None: to files.
        retention: which filings are purged after how many days, and at which hour.
        rules: which rule engine judges filings, by which rule sets.
        min_free_bytes: of the file system of the data; with less no filing is taken. 0 looks
            at nothing.
        drain_seconds: how long a gateway that was told to stop goes on taking connections,
            while it says that it is not ready.
        seal_every: seconds after which an entry of the evidence is sealed, in however small a
            batch.
        stamp: the time stamping authority that batches are stamped by.
        admin_host: address of the health checks and metrics, over plain HTTP.
        admin_port: 0 for a free one; None: there are none.
        unsafe_admin_host: the reason why others than this machine may read them.
        log_format: ``text`` for people, ``json`` for machines: one object a line.
        log_level: the least that is written; empty: ``info`` in production, else ``warning``.
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
    authorisers: tuple[AuthoriserRow, ...] = ()
    ebms: EbmsSettings | None = None
    agencies: tuple[AgencyRow, ...] = ()
    routes: tuple[Route, ...] = ()
    role: Role = "all"
    lease_seconds: int = 60
    store_url: str = ""
    unsafe_store_url: str = ""
    store_password_file: Path | None = None
    store_payloads: Path | None = None
    store_key_ring: Path | None = None
    store_objects: ObjectPlace | None = None
    retention: Retention = _KEEP_ALL
    rules: RulesRow = _SHIPPED_RULES
    min_free_bytes: int = DEFAULT_MIN_FREE_BYTES
    drain_seconds: int = 0
    seal_every: int = DEFAULT_SEAL_EVERY
    stamp: StampRow = NO_STAMPS
    admin_host: str = "127.0.0.1"
    admin_port: int | None = None
    unsafe_admin_host: str = ""
    log_format: str = "text"
    log_level: str = ""

    def __post_init__(self) -> None:
        for name in _REASONS:
            # White space is no reason.
            object.__setattr__(self, name, getattr(self, name).strip())
        _ = self.authorisations  # two rows for one party are refused here
        _ = self.routing  # and a route to nobody
        over_ebms = next((row.name for row in self.agencies if row.ebms is not None), None)
        if over_ebms is not None and self.ebms is None:
            raise ConfigurationError(
                f"agency {over_ebms} has a cpa, and there is no ebMS here: add [ebms], or give "
                "its url."
            )
        if len({row.address for row in self.authorisers}) < len(self.authorisers):
            raise ConfigurationError("Two [[authoriser]] answer for one address: keep one of them.")
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
            public_origin(url)
        for url in self.crl_urls:
            crl_host("trust.crl_urls", url)
        if self.crl_proxy:
            crl_host("trust.crl_proxy", self.crl_proxy)
        if self.reload_seconds < 0:
            raise ConfigurationError("trust.reload_seconds is a number of seconds; 0 is never.")
        self._check_operation()
        self._check_store()

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
    def authorisation_services(self) -> frozenset[str]:
        """Return every ``autorisatieAdres`` that a request may name."""
        return self.autorisatie_adressen | {row.address for row in self.authorisers}

    @property
    def routing(self) -> Routes:
        """Return which berichtsoorten there are, and who gets them."""
        alone = self.mode == "production" and (self.agencies or self.routes)
        return routing({} if alone else sandbox_routes(), self.agencies, self.routes)

    @property
    def origins(self) -> frozenset[tuple[str, str, int]] | None:
        """Return what wsa:To may name; None when a sandbox accepts any host."""
        if not self.public_urls:
            return None
        return frozenset(public_origin(url) for url in self.public_urls)

    @property
    def explains(self) -> bool:
        """Return whether fault texts carry the explanation."""
        return self.mode == "sandbox" if self.explain_faults is None else self.explain_faults

    @property
    def least_logged(self) -> str:
        """Return the least that is logged; production tells why somebody was refused."""
        return self.log_level or ("info" if self.mode == "production" else "warning")

    @property
    def admin_is_loopback(self) -> bool:
        """Return whether only this machine can ask for health checks and metrics."""
        return is_loopback(self.admin_host)

    @property
    def pki(self) -> Path:
        """Return the directory of the test PKI of a sandbox."""
        return self.pki_dir or self.data_dir

    @property
    def key_ring(self) -> Path:
        """Return where the key ring is."""
        return self.store_key_ring or self.data_dir / KEY_RING

    @property
    def documents(self) -> Path:
        """Return the directory below which large documents are files."""
        if self.store_url and self.store_payloads is None:
            return self.data_dir / "payloads"  # none are there: they are objects
        return self.store_payloads or self.data_dir

    @property
    def spool(self) -> Path:
        """Return the directory for large documents on their way to or from an object store."""
        return self.data_dir / "spool"

    @property
    def filled(self) -> Path:
        """Return a directory on the file system that large documents fill."""
        return self.documents if self.store_objects is None else self.spool

    def _check_store(self) -> None:
        if self.role not in ROLES:
            raise ConfigurationError(f"role is one of {', '.join(ROLES)}, not {self.role!r}.")
        if self.lease_seconds not in _LEASE_SECONDS:
            raise ConfigurationError(
                f"process.lease_seconds is {_LEASE_SECONDS[0]} to {_LEASE_SECONDS[-1]} seconds."
            )
        if not self.store_url:
            if self.role != "all":
                raise ConfigurationError(
                    f'role = "{self.role}" needs PostgreSQL: the data directory of SQLite has room '
                    "for one process. Name the database in store.url, or run everything in one."
                )
            for key, path in (
                ("store.payloads", self.store_payloads),
                ("store.password_file", self.store_password_file),
            ):
                if path is not None:
                    raise ConfigurationError(f"{key} belongs to a database: name it in store.url.")
            return
        try:
            require_address(self.store_url)
        except ConfigurationError as error:
            raise ConfigurationError(f"{error}.") from None
        if self.store_payloads is None and self.store_objects is None:
            raise ConfigurationError(
                "store.url needs store.payloads: a directory for large documents that every "
                "machine of the gateway sees; or [store.objects], a bucket."
            )
        if self.mode == "production":
            require_private(self.store_url, self.unsafe_store_url)
        if self.mode == "production" and self.store_key_ring is None:
            raise ConfigurationError(
                "store.url needs store.key_ring: the file with the keys of the documents, the "
                "same on every machine of the gateway."
            )

    def _check_operation(self) -> None:
        if self.seal_every not in _SEAL_EVERY:
            raise ConfigurationError(
                f"evidence.seal_every is {_SEAL_EVERY[0]} to {_SEAL_EVERY[-1]} seconds."
            )
        if self.min_free_bytes < 0:
            raise ConfigurationError("store.min_free_bytes is a number of bytes; 0 is no limit.")
        if not 0 <= self.drain_seconds <= _DRAIN_MAX:
            raise ConfigurationError(f"listen.drain_seconds is 0 to {_DRAIN_MAX} seconds.")
        if self.admin_port is not None and not 0 <= self.admin_port <= 65_535:
            raise ConfigurationError("admin.port is a TCP port, 0 to 65535.")
        if not self.unsafe_admin_host and not self.admin_is_loopback:
            raise ConfigurationError(
                f"admin.host: {self.admin_host!r} is no loopback address, and who reaches it reads "
                "health checks and metrics without a password. Give the reason in "
                'admin.unsafe_host, or take "127.0.0.1".'
            )
        if not self.admin_host:
            raise ConfigurationError('admin.host is an address such as "127.0.0.1".')
        same_host = self.host in (self.admin_host, "localhost", "0.0.0.0", "::")  # noqa: S104
        if self.admin_port and self.admin_port == self.port and same_host:
            raise ConfigurationError("admin.port is listen.port as well: give it another one.")
        if self.log_format not in LOG_FORMATS:
            raise ConfigurationError(
                f"log.format is one of {', '.join(LOG_FORMATS)}, not {self.log_format!r}."
            )
        if self.log_level not in ("", *LOG_LEVELS):
            raise ConfigurationError(
                f"log.level is one of {', '.join(LOG_LEVELS)}, not {self.log_level!r}."
            )

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
        routes = self.routing
        if not routes:
            raise ConfigurationError(
                "Nothing can be filed: name berichtsoorten in an [[agency]], or add a [[route]]."
            )
        stray = [name for name, route in routes.items() if route.destination == SANDBOX_AGENCY]
        if stray and not self.unsafe_sandbox_agency:
            raise ConfigurationError(
                f"Berichtsoort {stray[0]!r} would go to the built-in sandbox agency, which accepts "
                "everything: name an [[agency]] in its [[route]], or give the reason in "
                "process.unsafe_sandbox_agency."
            )
