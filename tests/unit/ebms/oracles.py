"""Judges of ebMS signatures that nobody here wrote: xmlsec1, libxmlsec, the JDK and Santuario."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from digipoort_wus.ebms.signing import cid_of
from digipoort_wus.pki.identity import Identity
from tests.conftest import need
from tests.unit.ebms.signatures import verifies_with_xmlsec

SOURCES = Path(__file__).parents[2] / "java"
JARS = Path("/usr/share/java")
JAVA_PACKAGES = "apt-get install default-jdk-headless libxml-security-java libslf4j-java"


@dataclass
class Java:
    """One Java program that answers commands; its files are in a folder."""

    process: subprocess.Popen[str]
    folder: Path

    def ask(self, *words: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\t".join(words) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def file(self, name: str, octets: bytes) -> str:
        path = self.folder / name
        path.write_bytes(octets)
        return str(path)

    def parts(self, parts: Mapping[str, bytes]) -> list[str]:
        return [
            word
            for number, (cid, octets) in enumerate(parts.items())
            for word in (cid_of(cid), self.file(f"part{number}", octets))
        ]

    def key(self, identity: Identity) -> str:
        octets = identity.private_key.private_bytes(
            Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
        )
        return self.file("key.der", octets)

    def certificate(self, identity: Identity) -> str:
        return self.file("certificate.der", identity.certificate.public_bytes(Encoding.DER))

    def verifies(self, message: bytes, identity: Identity, parts: Mapping[str, bytes]) -> bool:
        answer = self.ask(
            "verify",
            self.file("envelope.xml", message),
            self.certificate(identity),
            *self.parts(parts),
        )
        assert answer, "the Java program ended"
        return answer == "true"


def xmlsec1_verifies(
    message: bytes, identity: Identity, parts: Mapping[str, bytes], folder: Path
) -> bool:
    """Ask the xmlsec1 program."""
    (folder / "key.pem").write_bytes(identity.certificate.public_bytes(Encoding.PEM))
    (folder / "envelope.xml").write_bytes(message)
    maps = []
    for number, (cid, octets) in enumerate(parts.items()):
        (folder / f"part{number}").write_bytes(octets)
        # It looks for what it has percent-decoded.
        maps += [f"--url-map:cid:{cid}", f"part{number}"]
    command = ["xmlsec1", "--verify", "--pubkey-cert-pem", "key.pem", *maps, "envelope.xml"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


@dataclass
class Judges:
    """All of them, of one message."""

    jdk: Java
    santuario: Java
    folder: Path

    def verdicts(
        self, message: bytes, identity: Identity, parts: Mapping[str, bytes]
    ) -> dict[str, bool]:
        return {
            "xmlsec1": xmlsec1_verifies(message, identity, parts, self.folder),
            "python-xmlsec": verifies_with_xmlsec(
                message, identity, {cid_of(cid)[4:]: octets for cid, octets in parts.items()}
            ),
            "jdk": self.jdk.verifies(message, identity, parts),
            "santuario": self.santuario.verifies(message, identity, parts),
        }


@pytest.fixture(scope="session")
def java_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = all(
        (
            shutil.which("javac"),
            (JARS / "xmlsec.jar").exists(),
            (JARS / "slf4j-nop.jar").exists(),
        )
    )
    need("a JDK with Santuario", found=here, install=JAVA_PACKAGES)
    folder = tmp_path_factory.mktemp("java")
    sources = sorted(str(path) for path in SOURCES.glob("*.java"))
    command = ["javac", "-d", str(folder), "-cp", str(JARS / "xmlsec.jar"), *sources]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def _started(program: str, classes: Path, folder: Path) -> Iterator[Java]:
    jars = [JARS / f"{name}.jar" for name in ("xmlsec", "commons-codec", "slf4j-api", "slf4j-nop")]
    path = ":".join(map(str, (classes, *jars)))
    with subprocess.Popen(
        ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", path, program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield Java(process, folder)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def jdk(java_classes: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Java]:
    yield from _started("JdkSignatures", java_classes, tmp_path_factory.mktemp("jdk"))


@pytest.fixture(scope="session")
def santuario(java_classes: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Java]:
    yield from _started("Santuario", java_classes, tmp_path_factory.mktemp("santuario"))


@pytest.fixture(scope="session")
def judges(jdk: Java, santuario: Java, tmp_path_factory: pytest.TempPathFactory) -> Judges:
    need("xmlsec1", found=shutil.which("xmlsec1") is not None, install="apt-get install xmlsec1")
    return Judges(jdk, santuario, tmp_path_factory.mktemp("xmlsec1"))
