"""The gateway as a side of the scenarios: a process of its own, through its own front doors.

Others reach it over mutual TLS; it is told what to do over the interface for applications.
"""

import base64
import hashlib
import http.client
import json
import re
import secrets
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

from ebms_peer import Arrived

from digipoort_wus.ebms.names import SERVICE_TYPE

SECONDS = 30
"""It starts and ends, and answers what it is asked, within so many."""
_CONFIG = """\
[tls]
certificate = "data/{identity}.pem"
key = "data/{identity}.key"
[signing]
certificate = "data/{identity}.pem"
key = "data/{identity}.key"
[ebms]
connect_seconds = 5
silence_seconds = 5
total_seconds = 10
[ebms.backend]
port = 0
[[ebms.backend.token]]
name = "scenarios"
sha256 = "{digest}"
agreements = true
"""
_LISTENS = re.compile(r"applications are answered at (\S+)")
_TAKEN = ("RECEIVED", "PROCESSED")
_ENDED = ("DELIVERED", "FAILED", "EXPIRED")


class GatewayError(Exception):
    """The gateway did not do what it was asked."""


class Gateway:
    """A running gateway.

    Args:
        pki: a directory of ``digipoort-wus pki init``.
        identity: whose certificate it shows and signs with.
        oin: which party it is.
        work: a directory of its own.
        quirks: how it writes for the other one, as ``cpa add`` knows them.
    """

    def __init__(
        self, pki: Path, identity: str, oin: str, work: Path, quirks: Mapping[str, str]
    ) -> None:
        self.identity = identity
        self.oin = oin
        self.url = ""
        self._work = work
        self._quirks = dict(quirks)
        self._token = secrets.token_urlsafe(32)
        self._applications = ""
        self._numbers: dict[str, str] = {}
        self._arrived: dict[str, Arrived] = {}
        self._after: object = None
        self._replies: dict[str, str] = {}
        data = work / "data"
        shutil.copytree(pki, data)
        for key in data.rglob("*.key"):
            key.chmod(0o600)
        self._config = work / "gateway.toml"
        digest = hashlib.sha256(self._token.encode()).hexdigest()
        self._config.write_text(_CONFIG.format(identity=identity, digest=digest))

    def __enter__(self) -> Self:
        """Start it, and wait until it listens."""
        self._log = self._work / "gateway.log"
        command = [sys.executable, "-m", "digipoort_wus", "serve", "-v", "--port", "0"]
        command += ["--config", str(self._config), "--data-dir", str(self._work / "data")]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                command, stdout=subprocess.PIPE, stderr=log, encoding="utf-8"
            )
        try:
            stream = self._process.stdout
            words = stream.readline().split() if stream else []
            if words[:1] != ["ready"]:
                raise GatewayError(self._log.read_text()[-2000:])
            where = urlsplit(words[1])
            self.url = f"https://{where.netloc}/ebms"
            self._applications = _LISTENS.findall(self._log.read_text())[-1]
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        self._end()

    def _end(self) -> None:
        self._process.terminate()
        self._process.wait(SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()

    # --- What a side of a scenario can do ---------------------------------------------

    @property
    def posts_again(self) -> bool:
        """Return whether it posts a signal once more by itself when that fails."""
        return True

    def agree(self, cpa: Path) -> None:
        """Take a CPA, which has its id as its name or says so."""
        octets = cpa.read_bytes()
        found = re.search(rb'cpaid="([^"]+)"', octets)
        if found is None:
            raise GatewayError("a CPA without an id")
        told = {"cpa": base64.b64encode(octets).decode(), "quirks": self._quirks}
        self._ask("PUT", f"cpas/{quote(found[1].decode(), safe='')}", told)

    def send(self, cpa_id: str, service: str, action: str, payloads: Sequence[Path]) -> str:
        """Send a message, and return its id."""
        said = self._ask(
            "POST",
            "messages",
            {
                "cpaId": cpa_id,
                "service": {"value": service, "type": SERVICE_TYPE},
                "action": action,
                "payloads": [
                    {
                        "mediaType": "application/xml"
                        if path.suffix == ".xml"
                        else "application/octet-stream",
                        "base64": base64.b64encode(path.read_bytes()).decode(),
                        "name": path.name,
                    }
                    for path in payloads
                ],
            },
        )
        message_id = str(said["messageId"])
        self._numbers[message_id] = str(said["id"])
        return message_id

    def state(self, message_id: str) -> str:
        """Return SENDING, DELIVERED, FAILED or EXPIRED."""
        said = self._ask("GET", f"messages/{self._numbers[message_id]}/status")
        state = str(said["message"]["state"])
        return state if state in _ENDED else "SENDING"

    def why(self, message_id: str) -> str:
        """Return what was last heard of a message that was sent, for a person to read."""
        said = self._ask("GET", f"messages/{self._numbers[message_id]}/status")
        attempts = said["attempts"]
        last = attempts[-1] if attempts else {"outcome": "none", "status": None}
        return f"{len(attempts)} attempts, {last['outcome']} {last['status']}"

    def arrived(self) -> list[Arrived]:
        """Return what it took; of what came more than once, the copies are in its log."""
        while True:
            page = "" if self._after is None else f"&after={self._after}"
            said = self._ask("GET", f"messages?direction=in&limit=100{page}")
            for row in said["messages"]:
                if row["state"] in _TAKEN:
                    self._read(row["id"])
            if said["next"] is None:
                break
            self._after = said["next"]
        log = self._log.read_text()
        return [
            Arrived(
                each.message_id,
                each.action,
                each.sender,
                log.count(f"ebMS: message {each.message_id!r} of CPA"),
                each.digests,
            )
            for each in self._arrived.values()
        ]

    def ping(self, cpa_id: str) -> str:
        """Send a Ping, and return a name for it: its id is the gateway's."""
        return self._later(lambda: self._ask("POST", "ping", {"cpaId": cpa_id})["pong"], "Pong")

    def ask(self, cpa_id: str, message_id: str) -> str:
        """Ask what became of a message that it sent; of others it never asks."""
        del cpa_id
        number = self._numbers[message_id]
        return self._later(lambda: self._ask("POST", f"messages/{number}/ask")["status"])

    def asks_about(self, message_id: str) -> bool:
        """Return whether it can ask about a message: only about what it sent."""
        return message_id in self._numbers

    def reply(self, message_id: str) -> str:
        """Return what came back; empty as long as nothing did."""
        return self._replies.get(message_id, "")

    # --- How it is told ---------------------------------------------------------------

    def _read(self, number: str) -> None:
        if number in self._arrived:
            return
        said = self._ask("GET", f"messages/{quote(str(number), safe='')}")
        digests = tuple(
            hashlib.sha256(base64.b64decode(part["base64"])).hexdigest()
            for part in said["payloads"]
        )
        arrived = Arrived(
            said["messageId"], said["action"], said["from"].rpartition(":")[2], 0, digests
        )
        self._arrived[number] = arrived

    def _later(self, question: Callable[[], object], told: str = "") -> str:
        name = str(uuid.uuid4())

        def work() -> None:
            try:
                said = question()
            except GatewayError as error:
                self._replies[name] = str(error)
            else:
                self._replies[name] = told if said is True else str(said)

        threading.Thread(target=work, daemon=True).start()
        return name

    def _ask(self, method: str, path: str, told: object = None) -> dict[str, Any]:
        where = urlsplit(self._applications)
        connection = http.client.HTTPConnection(
            where.hostname or "", where.port or 0, timeout=SECONDS
        )
        headers = {"Authorization": f"Bearer {self._token}"}
        body = None
        if told is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(told).encode()
        try:
            connection.request(method, f"/v1/{path}", body, headers)
            answer = connection.getresponse()
            octets = answer.read()
        finally:
            connection.close()
        if answer.status // 100 != 2:
            raise GatewayError(f"HTTP {answer.status}: {octets[:300]!r}")
        return dict(json.loads(octets)) if octets else {}
