"""Where CRLs come from, and which may follow which."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from digipoort_wus.errors import Refusal
from digipoort_wus.pki import distribution
from digipoort_wus.pki.distribution import (
    at_hosts,
    carried_over,
    check_successor,
    distribution_points,
    file_name_of,
    host_of,
    issuer_of,
    latest_of,
    read_crl,
)
from digipoort_wus.pki.issue import Authority, issue_crl
from digipoort_wus.pki.revocation import crl_set
from digipoort_wus.pki.testpki import TestPki
from tests.crl_server import crl_of, der
from tests.messages import NOW

DAY = timedelta(days=1)


def crl(
    pki: TestPki, since: datetime = NOW, until: datetime = NOW + DAY, number: int = 2
) -> x509.CertificateRevocationList:
    return crl_of(pki, since=since, until=until, number=number)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://crl.example.nl/a.crl", "crl.example.nl:80"),
        ("http://CRL.Example.nl:8080/a.crl?b=c", "crl.example.nl:8080"),
        ("http://127.0.0.1", "127.0.0.1:80"),
        ("http://[::1]:81/x", "::1:81"),
    ],
)
def test_the_host_of_a_url(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    "url",
    [
        *("https://crl.example.nl/a.crl", "ldap://x/y", "file:///etc/passwd", "crl.example.nl"),
        *("http:///a.crl", "http://user@crl.example.nl/", "http://crl.example.nl@10.0.0.1/", ""),
        *("http://crl.example.nl/#x", "http://crl.example.nl:x/", "http://crl.example.nl:99999/"),
    ],
)
def test_what_is_no_plain_http_url(url: str) -> None:
    with pytest.raises(ValueError, match=r"no URL like|[Pp]ort"):
        host_of(url)


def test_certificates_name_the_lists_of_their_issuers(g4: TestPki) -> None:
    known = (*g4.ca_certificates, g4.identities["gateway-tls"].certificate)
    names = ("root", "intermediate", "root-lp", "intermediate-lp", "issuing-ca")
    points = distribution_points((*known, *known))
    assert points == tuple(f"http://crl.digipoort-wus.invalid/{name}.crl" for name in names)
    assert at_hosts(points, {"crl.digipoort-wus.invalid:80"}) == points
    assert at_hosts(points, {"digipoort-wus.invalid:80", "crl.digipoort-wus.invalid:8080"}) == ()


def with_points(g1: TestPki, *points: x509.DistributionPoint) -> x509.Certificate:
    authority = g1.authorities["root"]
    name = authority.certificate.subject
    return (
        x509.CertificateBuilder(name, name, authority.key.public_key(), 1, NOW, NOW + DAY)
        .add_extension(x509.CRLDistributionPoints(points), critical=False)
        .sign(authority.key, authority.scheme.algorithm)
    )


def test_points_of_other_kinds_are_passed_over(g1: TestPki) -> None:
    def uri(url: str) -> list[x509.GeneralName]:
        return [x509.UniformResourceIdentifier(url)]

    name = g1.authorities["root"].certificate.subject
    partial = frozenset([x509.ReasonFlags.key_compromise])
    certificate = with_points(
        g1,
        x509.DistributionPoint(uri("http://x/indirect"), None, None, [x509.DirectoryName(name)]),
        x509.DistributionPoint(uri("http://x/partial"), None, partial, None),
        x509.DistributionPoint([x509.DirectoryName(name)], None, None, None),
        x509.DistributionPoint([*uri("ldap://x/1"), *uri("http://x/2")], None, None, None),
        x509.DistributionPoint(uri("https://x/3"), None, None, None),
        x509.DistributionPoint(None, name.rdns[0], None, None),
    )
    assert distribution_points([certificate]) == ("http://x/2",)


def test_a_list_is_read_in_der_and_pem(g1: TestPki) -> None:
    made = crl(g1)
    assert read_crl(der(made)) == made
    assert read_crl(b"\n" + made.public_bytes(Encoding.PEM)) == made


@pytest.mark.parametrize("octets", [b"", b"<html>", b"-----BEGIN X509 CRL-----\n", b"\x30\x03"])
def test_what_is_no_list(g1: TestPki, octets: bytes) -> None:
    with pytest.raises(Refusal, match="PKI-CRL"):
        read_crl(octets)
    with pytest.raises(Refusal, match="PKI-CRL"):
        read_crl(der(crl(g1))[:-1])


def test_a_newer_list_may_follow(g1: TestPki, g4: TestPki) -> None:
    for pki in (g1, g4):
        issuer = pki.authorities["issuing-ca"].certificate
        newer = crl(pki)
        for in_force in ([], [*pki.crls.values()], [newer], [crl(pki, NOW - DAY), newer]):
            assert check_successor(newer, pki.ca_certificates, crl_set(in_force), NOW) == issuer


SUCCESSORS = {
    "older": (-2 * DAY, DAY, 3, "not older than"),
    "a lower number": (timedelta(), DAY, 1, "cRLNumber 2 or higher"),
    "ended": (-DAY / 2, -DAY / 4, 3, "nextUpdate"),
    "not begun": (DAY, 2 * DAY, 3, "thisUpdate"),
    "about to begin": (timedelta(seconds=1), 2 * DAY, 3, "thisUpdate"),
}


@pytest.mark.parametrize("case", SUCCESSORS)
def test_what_may_not_follow(g1: TestPki, case: str) -> None:
    since, until, number, words = SUCCESSORS[case]
    in_force = crl_set([crl(g1, NOW - DAY, NOW + DAY, 2)])
    with pytest.raises(Refusal, match=f"PKI-CRL.*{words}"):
        check_successor(
            crl(g1, NOW + since, NOW + until, number), g1.ca_certificates, in_force, NOW
        )


def test_a_list_without_number_does_not_follow_one_with(g1: TestPki) -> None:
    authority = g1.authorities["root"]
    bare = (
        x509.CertificateRevocationListBuilder(authority.certificate.subject, NOW, NOW + DAY)
    ).sign(authority.key, authority.scheme.algorithm)
    check_successor(bare, g1.ca_certificates, crl_set([]), NOW)
    with pytest.raises(Refusal, match=r"cRLNumber 1 or higher.*None"):
        check_successor(bare, g1.ca_certificates, crl_set(g1.crls.values()), NOW)


def test_a_list_of_a_stranger_with_a_known_name(g1: TestPki, g4: TestPki) -> None:
    authority = g1.authorities["root"]
    stranger = Authority(
        "root", authority.certificate, (), authority.scheme, g4.authorities["root"].key
    )
    forged = issue_crl(stranger, [], this_update=NOW, next_update=NOW + DAY)
    for made in (forged, crl(g4)):
        with pytest.raises(Refusal, match=r"PKI-CRL.*none of them signed"):
            issuer_of(made, g1.ca_certificates)


def test_nobody_makes_us_walk_through_the_entries_of_a_forged_list(
    g1: TestPki, g4: TestPki, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked: list[x509.CertificateRevocationList] = []

    def walk(made: x509.CertificateRevocationList) -> str:
        walked.append(made)
        return ""

    monkeypatch.setattr(distribution, "why_unusable", walk)
    authority = g1.authorities["root"]
    stranger = replace(authority, key=g4.authorities["root"].key)
    forged = issue_crl(stranger, [], this_update=NOW, next_update=NOW + DAY)
    for made in (forged, crl(g4)):
        with pytest.raises(Refusal, match="none of them signed"):
            issuer_of(made, g1.ca_certificates)
    assert walked == []
    issuer_of(g1.crls["root"], g1.ca_certificates)
    assert walked == [g1.crls["root"]]


def test_a_list_with_another_kind_of_signature(g1: TestPki) -> None:
    name = g1.authorities["root"].certificate.subject
    builder = x509.CertificateRevocationListBuilder(name, NOW, NOW + DAY)
    for made, words in (
        (builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()), "none of them"),
        (builder.sign(ed25519.Ed25519PrivateKey.generate(), None), "not signed with SHA-256"),
    ):
        with pytest.raises(Refusal, match=rf"PKI-CRL.*{words}"):
            issuer_of(made, g1.ca_certificates)


def test_a_delta_list_is_not_used(g1: TestPki) -> None:
    authority = g1.authorities["root"]
    delta = (
        x509.CertificateRevocationListBuilder(authority.certificate.subject, NOW, NOW + DAY)
        .add_extension(x509.DeltaCRLIndicator(1), critical=True)
        .sign(authority.key, authority.scheme.algorithm)
    )
    with pytest.raises(Refusal, match=r"PKI-CRL.*critical extension"):
        issuer_of(delta, g1.ca_certificates)


def test_the_newest_list_counts_whatever_the_order(g1: TestPki) -> None:
    issuer = g1.authorities["issuing-ca"].certificate
    old, new = crl(g1, NOW - DAY), crl(g1, NOW)
    for crls in (crl_set([old, new]), crl_set([new, old])):
        assert latest_of(issuer, crls) == new
        assert latest_of(issuer, crls, NOW) == new
        assert latest_of(issuer, crls, NOW - timedelta(seconds=1)) == old
        assert latest_of(issuer, crls, NOW - 2 * DAY) is None
    assert latest_of(issuer, crl_set([g1.crls["root"]])) is None


def test_an_older_file_does_not_bring_back_what_was_taken_away(g1: TestPki) -> None:
    old, new = crl(g1, NOW - DAY), crl(g1, NOW)
    known = g1.ca_certificates
    assert kept(known, [new], [old]) == (new,)
    assert kept(known, [new], []) == (new,)
    assert kept(known, [old], [new]) == ()
    assert kept(known, [new], [new]) == ()
    # Of a CA that is no longer trusted nothing stays.
    assert kept([], [new], [old]) == ()


def test_a_list_that_has_not_begun_takes_nothing_away(g1: TestPki) -> None:
    old, ahead = crl(g1, NOW - DAY), crl(g1, NOW + timedelta(minutes=4), NOW + 2 * DAY)
    known = g1.ca_certificates
    assert kept(known, [old], [ahead]) == (old,)
    assert kept(known, [old, ahead], [ahead]) == (old,)
    assert kept(known, [old, ahead], [old]) == (ahead,)
    assert kept(known, [old, ahead], []) == (ahead, old)
    assert kept(known, [old, ahead], [ahead], NOW + timedelta(minutes=4)) == ()


def kept(
    known: Iterable[x509.Certificate],
    in_force: Iterable[x509.CertificateRevocationList],
    loaded: Iterable[x509.CertificateRevocationList],
    at: datetime = NOW,
) -> tuple[x509.CertificateRevocationList, ...]:
    return carried_over(known, crl_set(in_force), crl_set(loaded), at)


def test_each_ca_has_a_file_of_its_own(g4: TestPki) -> None:
    names = {file_name_of(certificate) for certificate in g4.ca_certificates}
    assert len(names) == len(g4.ca_certificates)
    assert all(name.endswith(".crl") and "/" not in name for name in names)
