"""What a run consists of: how many of what, and where everything is."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from digipoort_wus.pki.testplan import VENDOR_A_OIN

StoreKind = Literal["sqlite", "postgres"]
Front = Literal["lines", "tls", "wus", "ebms"]
SENDER = VENDOR_A_OIN
"""OIN under which everything is filed; over TLS it is that of the certificate."""
BERICHTSOORT = "Omzetbelasting"
REFERENCE = "chaos"
"""aanleverkenmerk of every filing."""
AGENCY = "agency"
"""Name of the agency, of its process and of its row."""


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that a run was asked to do.

    Args:
        directory: of all files.
        seed: of everything that is chosen at random.
        store: which.
        front: how senders reach the gateway: by lines of JSON, or over TLS; with ``wus`` the
            agency is reached over mutual TLS as well, and reports back that way; with ``ebms``
            it gets messages in the place of calls.
        kills: after so many the run ends.
        least: and after so many acknowledged filings.
        nodes: gateways on one store; more than one needs PostgreSQL.
        engines: threads in each that work on filings.
        senders: processes that file.
        threads: in each of them.
        pause: seconds that each thread waits between two filings.
        lease: seconds.
        batch: filings that an engine claims together.
        quiet: seconds within which everything must be in a final state at the end.
        most: seconds after which the run ends with fewer of either.
        mutant: the mistake that is built in; empty: none.
        profile: of the agreement with an agency that is reached over ebMS.
    """

    directory: Path
    seed: int
    store: StoreKind = "sqlite"
    front: Front = "lines"
    kills: int = 40
    least: int = 0
    nodes: int = 1
    engines: int = 2
    senders: int = 2
    threads: int = 3
    pause: float = 0.01
    lease: float = 1.0
    batch: int = 8
    quiet: float = 300.0
    most: float = 300.0
    mutant: str = ""
    profile: str = "osb-rm-s"

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the nodes."""
        return tuple(f"node-{number}" for number in range(self.nodes))

    @property
    def has_real_agency(self) -> bool:
        """Return whether the agency is the package's own, over mutual TLS."""
        return self.front in ("wus", "ebms")

    @property
    def cpa_file(self) -> Path:
        """Return the agreement with an agency that is reached over ebMS."""
        return self.directory / "cpa.xml"

    @property
    def conninfo_file(self) -> Path:
        """Return where the address of the database stands."""
        return self.directory / "conninfo"

    @property
    def ring_file(self) -> Path:
        """Return the key ring that the nodes share."""
        return self.directory / "key-ring"

    @property
    def payloads(self) -> Path:
        """Return the directory of payloads that the nodes share."""
        return self.disk / "payloads"

    @property
    def disk(self) -> Path:
        """Return the directory that stands for a disk: it was there before everything."""
        return self.directory / "disk"

    @property
    def data(self) -> Path:
        """Return the data directory of the embedded store, which the gateway makes."""
        return self.disk / "srv" / "data"

    @property
    def pki(self) -> Path:
        """Return the directory of certificates and keys."""
        return self.directory / "pki"

    @property
    def inbox(self) -> Path:
        """Return the data directory of an agency that is reached over mutual TLS."""
        return self.directory / "inbox"

    @property
    def ports_file(self) -> Path:
        """Return where it stands who listens on which port, if anybody does."""
        return self.directory / "ports.json"

    @property
    def clock_file(self) -> Path:
        """Return where it stands by how many seconds the clock of all is wrong."""
        return self.directory / "clock"

    @property
    def deaf_file(self) -> Path:
        """Return what, while it is there, keeps leases from being extended."""
        return self.directory / "deaf"

    @property
    def agency_file(self) -> Path:
        """Return where it stands how the agency behaves."""
        return self.directory / "agency.json"

    @property
    def agency_socket(self) -> Path:
        """Return where the agency listens."""
        return self.directory / "agency"

    def socket(self, node: str) -> Path:
        """Return where a node listens to lines."""
        return self.directory / node

    def port(self, name: str) -> int:
        """Return the TCP port of a node, or of the agency."""
        return int(json.loads(self.ports_file.read_text())[name])

    def journal(self, name: str) -> Path:
        """Return the file that one process appends to."""
        return self.directory / f"{name}.jsonl"

    def save(self) -> Path:
        """Write this where the other processes read it, and return where that is."""
        path = self.directory / "run.json"
        path.write_text(json.dumps(asdict(self), default=str))
        return path

    @classmethod
    def load(cls, path: Path) -> "Run":
        """Return what was saved."""
        record = json.loads(path.read_text())
        known = {field.name for field in fields(cls)}
        values = {name: value for name, value in record.items() if name in known}
        return cls(**{**values, "directory": Path(record["directory"])})
