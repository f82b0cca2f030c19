"""Applications behind two real gateways: over HTTP, and over mutual TLS where others connect."""

import base64
import hashlib
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from digipoort_wus.config_file import load_config
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.pki.testplan import AGENCY_OIN
from tests.ebms_parties import AANLEVEREN
from tests.wire.conftest import Wire
from tests.wire.ebms import Side, Two, forget_peak, peak_memory, two_gateways, wait_for

TOKEN = "of-the-application-and-nobody-else"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()
_BACKEND = f"""
[ebms.backend]
port = 0
[[ebms.backend.token]]
name = "tests"
sha256 = "{DIGEST}"
agreements = true
"""
_LISTENS = re.compile(r"applications are answered at (\S+)")
MEBIBYTE = 1_048_576
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "ebms_application.py"


class Application:
    """What stands behind a gateway."""

    def __init__(self, side: Side) -> None:
        found = wait_for(lambda: _LISTENS.findall(side.log()), bool, side.log)
        self.url = str(found[-1])
        self.session = requests.Session()
        self.session.trust_env = False
        # Another gateway may listen at the port of one that ended: each test connects anew.
        self.session.mount("http://", HTTPAdapter(max_retries=0))
        self.session.headers["Authorization"] = f"Bearer {TOKEN}"

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.session.request(method, f"{self.url}/v1/{path}", timeout=60, **more)

    def got(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send(self, cpa_id: str, octets: bytes, **more: object) -> Any:
        told = {
            "cpaId": cpa_id,
            "service": {"value": AANLEVEREN.value, "type": AANLEVEREN.type},
            "action": "aanleveren",
            "payloads": [
                {"mediaType": "application/xml", "base64": base64.b64encode(octets).decode()}
            ],
        }
        answer = self.ask("POST", "messages", json=told | more)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def unprocessed(self, message_id: str) -> Any:
        """Wait until a message is here."""
        path = f"messages/unprocessed?messageId={message_id}"
        (row,) = wait_for(lambda: self.got(path)["messages"], bool, lambda: message_id)
        return row


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    with two_gateways(tmp_path_factory.mktemp("backend"), _BACKEND) as both:
        yield both


@pytest.fixture
def agency(two: Two) -> Iterator[Application]:
    application = Application(two.agency)
    with application.session:
        yield application


@pytest.fixture
def digipoort(two: Two) -> Iterator[Application]:
    application = Application(two.digipoort)
    with application.session:
        yield application


@pytest.mark.parametrize("profile", [Profile.BE, Profile.RM_E], ids=lambda each: each.value)
def test_two_applications_exchange(
    two: Two, agency: Application, digipoort: Application, profile: Profile
) -> None:
    cpa_id = two.agree(profile)
    assert agency.ask("POST", "ping", json={"cpaId": cpa_id}).json() == {"pong": True}
    sent = agency.send(cpa_id, b"<a>een</a>", conversationId="c-1")
    came = digipoort.unprocessed(sent["messageId"])
    (payload,) = digipoort.got(f"messages/{came['id']}")["payloads"]
    assert base64.b64decode(payload["base64"]) == b"<a>een</a>"
    done = digipoort.ask("POST", "messages/processed", json={"ids": [came["id"]]})
    assert done.json() == {"changed": 1}
    status = wait_for(
        lambda: agency.got(f"messages/{sent['id']}/status"),
        lambda found: found["message"]["state"] == "DELIVERED",
        two.agency.log,
    )
    assert "DELIVERED" in [each["kind"] for each in status["events"]]
    if profile.reliable:
        asked = agency.ask("POST", f"messages/{sent['id']}/ask")
        assert asked.json()["status"] == "Processed"


def test_a_large_payload_is_streamed(
    two: Two, agency: Application, digipoort: Application, tmp_path: Path
) -> None:
    cpa_id = two.agree(Profile.RM)
    octets = bytes(range(256)) * (50 * MEBIBYTE // 256)
    told = (
        f'{{"cpaId": "{cpa_id}", "action": "aanleveren", "service": '
        f'{{"value": "{AANLEVEREN.value}", "type": "{AANLEVEREN.type}"}}}}'
    )
    files = {
        "message": (None, told, "application/json"),
        "payload": ("groot.bin", octets, "application/octet-stream"),
    }
    answer = agency.ask("POST", "messages", files=files)
    assert answer.status_code == 201, answer.text
    came = digipoort.unprocessed(answer.json()["messageId"])
    (payload,) = digipoort.got(f"messages/{came['id']}")["payloads"]
    assert (payload["name"], payload["size"], payload["base64"]) == ("groot.bin", len(octets), None)
    # On a machine that is busy it comes more than once, and has to be in memory to be judged.
    message_id = answer.json()["messageId"]
    two.agency.wait_for(message_id, "DELIVERED", seconds=120)
    wait_for(
        lambda: two.agency.attempts(message_id),
        lambda attempts: all(one.ended_at is not None for one in attempts),
        two.agency.log,
        60,
    )
    forget_peak(two.digipoort.process)
    before = peak_memory(two.digipoort.process)
    path = f"messages/{came['id']}/payloads/1"
    with digipoort.ask("GET", path, stream=True) as streamed:
        assert streamed.headers["Content-Disposition"] == 'attachment; filename="groot.bin"'
        assert streamed.headers["X-Content-Type-Options"] == "nosniff"
        found = hashlib.sha256()
        for piece in streamed.iter_content(MEBIBYTE):
            found.update(piece)
    assert found.digest() == hashlib.sha256(octets).digest()
    # Of fifty mebibytes only pieces were there.
    assert peak_memory(two.digipoort.process) - before < 20 * MEBIBYTE


def test_who_leaves_in_the_middle_of_an_answer_is_forgotten(
    agency: Application, digipoort: Application, two: Two
) -> None:
    cpa_id = two.agree(Profile.RM)
    sent = agency.send(cpa_id, b"x" * (2 * MEBIBYTE))
    path = f"messages/{sent['id']}/payloads/1"
    for _ in range(3):
        with agency.ask("GET", path, stream=True) as streamed:
            assert len(streamed.raw.read(1000)) == 1000
    assert len(agency.ask("GET", path).content) == 2 * MEBIBYTE


def test_the_same_id_at_the_same_time_is_one_message(two: Two, agency: Application) -> None:
    cpa_id = two.agree(Profile.RM)
    told = {
        "cpaId": cpa_id,
        "service": {"value": AANLEVEREN.value, "type": AANLEVEREN.type},
        "action": "aanleveren",
        "messageId": "at-once@example.nl",
        "payloads": [{"mediaType": "text/plain", "base64": "eA=="}],
    }
    answers: list[requests.Response] = []

    def send() -> None:
        answers.append(
            requests.post(
                f"{agency.url}/v1/messages",
                json=told,
                headers={"Authorization": f"Bearer {TOKEN}"},
                timeout=60,
            )
        )

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.status_code for each in answers} <= {200, 201}
    assert len({each.text for each in answers}) == 1
    other = agency.ask("POST", "messages", json=told | {"payloads": []})
    assert (other.status_code, other.json()["check"]) == (409, "BACKEND-SAME")
    wait_for(
        lambda: agency.got("messages?messageId=at-once@example.nl")["messages"],
        lambda rows: [row["state"] for row in rows] == ["DELIVERED"],
        two.agency.log,
    )


def test_a_message_is_known_again_after_a_restart(two: Two, agency: Application) -> None:
    cpa_id = two.agree(Profile.RM)
    sent = agency.send(cpa_id, b"<a/>", messageId="kept@example.nl")
    wait_for(
        lambda: agency.got(f"messages/{sent['id']}")["state"],
        lambda state: bool(state == "DELIVERED"),
        two.agency.log,
    )
    agency.session.close()
    two.agency.kill()
    two.agency.start()
    again = Application(two.agency)
    with again.session:
        assert again.url
        (row,) = again.got("messages?messageId=kept@example.nl")["messages"]
        assert row["id"] == sent["id"]
        told = {
            "cpaId": cpa_id,
            "service": {"value": AANLEVEREN.value, "type": AANLEVEREN.type},
            "action": "aanleveren",
            "messageId": "kept@example.nl",
            "payloads": [{"mediaType": "application/xml", "base64": "PGEvPg=="}],
        }
        answer = again.ask("POST", "messages", json=told)
        assert (answer.status_code, answer.json()) == (200, sent)


def test_strangers_and_half_requests_change_nothing(two: Two, agency: Application) -> None:
    for token in ("", "x", TOKEN[:-1]):
        answer = requests.get(
            f"{agency.url}/v1/cpas", headers={"Authorization": f"Bearer {token}"}, timeout=10
        )
        assert (answer.status_code, answer.json()["check"]) == (401, "BACKEND-TOKEN")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    answer = agency.ask("GET", "cpas", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json()["check"]) == (400, "HTTP-HOST")
    before = len(agency.got("messages?limit=1000")["messages"])
    port = int(agency.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as half:
        half.sendall(
            b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + f"Authorization: Bearer {TOKEN}\r\nContent-Length: 1000\r\n\r\n{{".encode()
        )
    with socket.create_connection(("127.0.0.1", port)) as huge:
        huge.sendall(
            b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + f"Authorization: Bearer {TOKEN}\r\nContent-Length: 9999999999\r\n\r\n".encode()
        )
        assert huge.recv(1000).startswith(b"HTTP/1.1 413 ")
    assert len(agency.got("messages?limit=1000")["messages"]) == before
    assert TOKEN not in two.agency.log()
    # The port where everybody connects knows nothing of it.
    with Wire(two.agency.process, "vendor-a") as wire:
        wire.send(b"GET /v1/messages HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert wire.answer().status == 404


def test_the_example_takes_what_is_there(
    two: Two, agency: Application, digipoort: Application, tmp_path: Path
) -> None:
    cpa_id = two.agree(Profile.RM)
    sent = agency.send(cpa_id, b"<a>vijf</a>")
    came = digipoort.unprocessed(sent["messageId"])
    token, place = tmp_path / "token", tmp_path / "taken"
    place.mkdir()
    token.write_text(f"{TOKEN}\n")
    command = [sys.executable, str(EXAMPLE), digipoort.url, str(token), str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert (place / f"{came['id']}-1").read_bytes() == b"<a>vijf</a>"
    assert digipoort.got("messages/unprocessed")["messages"] == []
    token.write_text("other\n")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, "[BACKEND-TOKEN]" in done.stderr) == (1, True)
    done = subprocess.run(command[:2], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr.startswith("usage: ")) == (2, True)


def test_others_need_a_certificate_that_is_named(tmp_path: Path) -> None:
    more = f'host = "localhost"\ntls = true\nclients = ["{AGENCY_OIN}"]\n'
    text = _BACKEND.replace("port = 0\n", f"port = 0\n{more}")
    with two_gateways(tmp_path, text) as two:
        directory = two.agency.config.data_dir
        assert replace(load_config(two.agency.config_file), data_dir=directory).ebms is not None
        application = Application(two.agency)
        assert application.url.startswith("https://localhost:")
        with application.session as session:
            session.verify = str(directory / "ca.pem")
            with pytest.raises(requests.exceptions.RequestException):
                application.ask("GET", "cpas")
        for name, status in (("agency", 200), ("vendor-a", 403)):
            other = Application(two.agency)
            with other.session as session:
                session.verify = str(directory / "ca.pem")
                session.cert = (str(directory / f"{name}.pem"), str(directory / f"{name}.key"))
                answer = other.ask("GET", "cpas")
                assert answer.status_code == status, answer.text
                session.headers["Authorization"] = "Bearer x"
                assert other.ask("GET", "cpas").status_code == 401
