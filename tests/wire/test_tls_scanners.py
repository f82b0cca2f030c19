"""What scanners of others find of the handshake; nobody's word but theirs."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from tests.conftest import need
from tests.wire.conftest import Running, served, with_pki

SUITES_1_2 = [
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES128-GCM-SHA256",
]
"""Of the six, those that a server with an RSA certificate can choose; the best first."""
SUITES_1_3 = ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"]


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("scanned")
    with served(with_pki(folder / "data", "g4")) as running:
        yield running
        assert "Traceback" not in running.log()


def test_sslscan(scanned: Running, tmp_path: Path) -> None:
    need("sslscan", found=shutil.which("sslscan") is not None, install="apt-get install sslscan")
    directory, report = scanned.directory, tmp_path / "report.xml"
    command = ["sslscan", f"--xml={report}", "--show-sigs", "--no-check-certificate"]
    command += [f"--certs={directory / 'vendor-a.pem'}", f"--pk={directory / 'vendor-a.key'}"]
    subprocess.run(
        [*command, f"127.0.0.1:{scanned.port}"], check=True, capture_output=True, timeout=60
    )
    (found,) = etree.parse(report).getroot().findall("ssltest")

    def all_of(tag: str, *names: str) -> list[tuple[str, ...]]:
        return [tuple(str(row.get(name)) for name in names) for row in found.findall(tag)]

    enabled = [row[:2] for row in all_of("protocol", "type", "version", "enabled") if row[2] == "1"]
    assert enabled == [("tls", "1.2"), ("tls", "1.3")]
    suites = all_of("cipher", "sslversion", "cipher")
    assert suites == [
        *(("TLSv1.3", suite) for suite in SUITES_1_3),
        *(("TLSv1.2", suite) for suite in SUITES_1_2),
    ]
    preferred = [row[1] for row in all_of("cipher", "status", "cipher") if row[0] == "preferred"]
    assert preferred == [SUITES_1_3[0], SUITES_1_2[0]]
    groups = {"0x0017", "0x0018", "0x0019", "0x001d", "0x001e"}
    for version in ("TLSv1.2", "TLSv1.3"):
        of_version = {row[1] for row in all_of("group", "sslversion", "id") if row[0] == version}
        assert of_version == groups
    signatures = {row[0] for row in all_of("connection-signature-algorithm", "name")}
    assert signatures == {f"rsa_pss_rsae_sha{size}" for size in (256, 384, 512)}
    assert all_of("renegotiation", "supported") == [("0",)]
    assert {row[0] for row in all_of("heartbleed", "vulnerable")} == {"0"}
    assert {row[0] for row in all_of("compression", "supported")} <= {"0"}


def test_testssl(scanned: Running, tmp_path: Path) -> None:
    need("testssl", found=shutil.which("testssl") is not None, install="apt-get install testssl.sh")
    report = tmp_path / "report.json"
    command = ["testssl", "--warnings", "off", "--color", "0", "--quiet", "--jsonfile", str(report)]
    # Nobody else is asked: no names are looked up, and it was not told to phone out.
    command += ["--nodns", "none", "--ip", "127.0.0.1"]
    command += ["--add-ca", str(scanned.directory / "ca.pem")]
    command += [*CHECKS, f"localhost:{scanned.port}"]
    # Its exit status counts what it could not do, such as what needs HTTP.
    subprocess.run(command, check=False, capture_output=True, timeout=300)
    rows = json.loads(report.read_text())
    found = {row["id"]: row["finding"] for row in rows}
    assert "scanTime" in found, "it did not get to its end"
    worse = {
        row["id"]: row["finding"]
        for row in rows
        if row["severity"] not in ("OK", "INFO", "DEBUG")
        and row["finding"] != UNTESTED
        # Ten years: they are for tests.
        and row["id"] != "cert_validityPeriod"
    }
    assert worse == {}
    for old in ("SSLv2", "SSLv3", "TLS1", "TLS1_1"):
        assert found[old] == "not offered"
    assert found["TLS1_2"] == "offered"
    assert found["TLS1_3"].startswith("offered")
    assert found["ALPN"] == "http/1.1"
    assert found["cipherorder_TLSv1_2"].split() == SUITES_1_2
    assert found["cipherorder_TLSv1_3"].split() == SUITES_1_3
    curves = {"prime256v1", "secp384r1", "secp521r1", "X25519", "X448"}
    assert set(found["PFS_ECDHE_curves"].split()) == curves
    assert "extended master secret" in found["TLS_extensions"]
    assert found["sessionresumption_ticket"] == "not supported"
    assert found["sessionresumption_ID"].startswith("No Session ID")
    for weakness in ("heartbleed", "CCS", "ROBOT", "CRIME_TLS"):
        assert found[weakness].startswith("not vulnerable")


# Protocols, suites, groups, order, certificate, and everything that has a name of its own.
CHECKS = ["-p", "-s", "-f", "-P", "-S", "-U"]
# It has no client certificate to show; renegotiation is tried with one in test_tls.py.
UNTESTED = "client x509-based authentication prevents this from being tested"
