"""HMACs of personal data: keyed by the filing, named, and the same for openssl."""

import shutil
import subprocess
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest

from digipoort_wus.evidence.blinded import Blinded, Digest, blind, digest_of
from digipoort_wus.store.secrets import Secret, evidence_salt
from tests.conftest import need

SECRET = bytes(range(32))
SALT = evidence_salt(Secret(SECRET))


@dataclass(frozen=True)
class Handle:
    octets: bytes

    @property
    def size(self) -> int:
        return len(self.octets)

    def open(self) -> BinaryIO:
        return BytesIO(self.octets)

    def read(self) -> bytes:
        raise AssertionError("read whole")


def test_openssl_derives_the_same_salt_and_makes_the_same_hmac(tmp_path: Path) -> None:
    need("openssl", found=shutil.which("openssl") is not None, install="apt-get install openssl")
    derive = ["openssl", "kdf", "-keylen", "32", "-binary", "-kdfopt", "digest:SHA256"]
    derive += ["-kdfopt", f"hexkey:{SECRET.hex()}", "-kdfopt", "info:digipoort-wus evidence 1"]
    assert subprocess.run([*derive, "HKDF"], check=True, capture_output=True).stdout == SALT
    (tmp_path / "value").write_bytes(b"content\0" + b"123456782")
    command = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{SALT.hex()}"]
    done = subprocess.run(
        [*command, "-binary", "value"], cwd=tmp_path, check=True, capture_output=True
    )
    assert done.stdout == blind(SALT, "content", b"123456782").mac


def test_equal_values_of_other_names_or_filings_do_not_show() -> None:
    other = bytes(32)
    told = {
        blind(SALT, "operator", b"x"),
        blind(SALT, "reason", b"x"),
        blind(other, "operator", b"x"),
        blind(SALT, "operator", b"y"),
        blind(SALT, "operatorx", b""),
    }
    assert len(told) == 5


def test_a_handle_is_read_in_pieces() -> None:
    octets = bytes(200_000)
    assert blind(SALT, "content", Handle(octets)) == blind(SALT, "content", octets)


def test_they_cannot_be_taken_for_each_other() -> None:
    assert str(blind(SALT, "x", b"")).startswith("hmac-sha256:")
    assert str(digest_of(b"")).startswith("sha256:")


def test_wrong_sizes_and_names_are_refused() -> None:
    for wrong in (
        lambda: blind(b"short", "x", b""),
        lambda: blind(SALT, "a\0b", b""),
        lambda: blind(SALT, "é", b""),
        lambda: Blinded(b"short"),
        lambda: Digest(b"short"),
    ):
        with pytest.raises(ValueError):  # noqa: PT011 - several kinds of it
            wrong()
