"""Roots with roles and an end: what an operator says of one holds, and nothing less."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest
from cryptography import x509

from digipoort_wus import checks
from digipoort_wus.config import Config
from digipoort_wus.config_file import load_config
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.materials import load_materials
from digipoort_wus.pki import anchors
from digipoort_wus.pki.anchors import (
    EVERY_ROLE,
    KNOWN_ROOTS,
    AnchorRule,
    KnownRoot,
    anchors_of,
    fingerprint_of,
    known_root,
    roles_of,
)
from digipoort_wus.pki.chain import CachingVerifier, TrustStore, trust_store, verify_certificate
from digipoort_wus.pki.issue import issue_root
from digipoort_wus.pki.profiles import TEST, Role
from digipoort_wus.pki.testpki import TestPki, write_pki
from digipoort_wus.pki.testplan import PLANS, ca_template
from digipoort_wus.server.trust import CurrentTrust
from tests.unit.pki.scenarios import DAY, DAYS, NOW

SECOND = timedelta(seconds=1)


def root_of(pki: TestPki, name: str = "root") -> x509.Certificate:
    return pki.authorities[name].certificate


def store_of(pki: TestPki, *rules: AnchorRule) -> TrustStore:
    return trust_store(pki.ca_certificates, pki.crls.values(), TEST, anchor_rules=rules)


def refusal(store: TrustStore, pki: TestPki, name: str, role: Role) -> Refusal:
    with pytest.raises(Refusal) as caught:
        verify_certificate(store, pki.identities[name].certificate, (), role, NOW)
    assert caught.value.check is checks.PKI_CHAIN
    return caught.value


def test_by_default_a_root_serves_every_role_for_as_long_as_it_lives(g4: TestPki) -> None:
    store = store_of(g4)
    assert [anchor.certificate for anchor in store.roots] == [root_of(g4), root_of(g4, "root-lp")]
    assert store.anchors == tuple(anchor.certificate for anchor in store.roots)
    assert {anchor.roles for anchor in store.roots} == {EVERY_ROLE}
    assert {anchor.until for anchor in store.roots} == {None}


def test_a_root_for_tls_signs_nothing(g4: TestPki) -> None:
    tls = AnchorRule(fingerprint_of(root_of(g4)), frozenset({Role.TLS_CLIENT, Role.TLS_SERVER}))
    store = store_of(g4, tls)
    vendor = g4.identities["vendor-a"].certificate
    assert verify_certificate(store, vendor, (), Role.TLS_CLIENT, NOW).chain[-1] == root_of(g4)
    told = refusal(store, g4, "vendor-a", Role.SIGNER)
    assert told.expected == "a path to a root that is trusted for signing"
    assert told.received == "a path to a root that is not, or not any more"
    # The other root has no rule.
    signer = g4.identities["vendor-a-sign"].certificate
    chain = verify_certificate(store, signer, (), Role.SIGNER, NOW).chain
    assert chain[-1] == root_of(g4, "root-lp")


def test_a_stranger_is_told_no_more_than_before(g1: TestPki, g4: TestPki) -> None:
    tls = AnchorRule(fingerprint_of(root_of(g4)), frozenset({Role.TLS_CLIENT}))
    told = refusal(store_of(g4, tls), g1, "vendor-a", Role.SIGNER)
    assert "not any more" not in told.received


def test_a_root_with_an_end(g1: TestPki) -> None:
    store = store_of(g1, AnchorRule(fingerprint_of(root_of(g1)), until=NOW))
    vendor = g1.identities["vendor-a"].certificate
    verify_certificate(store, vendor, (), Role.SIGNER, NOW)
    with pytest.raises(Refusal) as caught:
        verify_certificate(store, vendor, (), Role.SIGNER, NOW + SECOND)
    assert caught.value.received == "a path to a root that is not, or not any more"


def test_an_end_does_not_make_a_root_live_longer(g1: TestPki) -> None:
    root = g1.authorities["root"]
    template = replace(ca_template(PLANS["g1"].hierarchies[0], 0, NOW, DAYS), not_after=NOW - DAY)
    ended = issue_root("root", template, root.key, root.scheme).certificate
    store = trust_store(
        [ended, *g1.ca_certificates[1:]],
        g1.crls.values(),
        TEST,
        anchor_rules=[AnchorRule(fingerprint_of(ended), until=NOW + DAY)],
    )
    refusal(store, g1, "vendor-a", Role.SIGNER)


def test_what_is_remembered_ends_with_the_root(g1: TestPki) -> None:
    store = store_of(g1, AnchorRule(fingerprint_of(root_of(g1)), until=NOW + DAY))
    verifier, vendor = CachingVerifier(store), g1.identities["vendor-a"].certificate
    for moment in (NOW, NOW + DAY):
        verifier(vendor, (), Role.SIGNER, moment)
    with pytest.raises(Refusal):
        verifier(vendor, (), Role.SIGNER, NOW + DAY + SECOND)


def test_for_a_tls_stack(g4: TestPki) -> None:
    other = AnchorRule(fingerprint_of(root_of(g4, "root-lp")), frozenset({Role.SIGNER}))
    store = store_of(g4, other)
    for_clients = store.authorities_for(Role.TLS_CLIENT)
    assert root_of(g4) in for_clients
    assert root_of(g4, "root-lp") not in for_clients
    assert set(store.intermediates) <= set(for_clients)
    assert root_of(g4, "root-lp") in store.authorities_for(Role.SIGNER)


def test_fingerprints_as_openssl_prints_them(g1: TestPki) -> None:
    plain = fingerprint_of(root_of(g1))
    printed = ":".join(plain[i : i + 2] for i in range(0, 64, 2)).upper()
    (anchor,) = anchors_of([root_of(g1)], [AnchorRule(printed, until=NOW)])
    assert anchor.until == NOW


def test_role_names() -> None:
    names = ("tls-client", "tls-server", "signer", "encryption-recipient")
    assert roles_of(names) == EVERY_ROLE == frozenset(Role)
    assert roles_of(["signer"]) == {Role.SIGNER}
    with pytest.raises(ConfigurationError, match=r"'server' is no role: take tls-client, "):
        roles_of(["server"])


@pytest.mark.parametrize(
    ("made", "match"),
    [
        (lambda: AnchorRule("12:34"), "64 hexadecimal digits"),
        (lambda: AnchorRule("g" * 64), "64 hexadecimal digits"),
        (lambda: AnchorRule("0" * 64, frozenset()), "has no roles"),
        (lambda: AnchorRule("0" * 64, until=NOW.replace(tzinfo=None)), "no time zone"),
        (lambda: anchors_of([], [AnchorRule("0" * 64)]), "no root with the fingerprint 000"),
        (lambda: anchors_of([], [AnchorRule("0" * 64)] * 2), "two rules"),
    ],
)
def test_rules_that_cannot_be_meant(made: Callable[[], object], match: str) -> None:
    with pytest.raises(ConfigurationError, match=match):
        made()


def test_a_rule_is_about_roots_only(g1: TestPki) -> None:
    intermediate = g1.authorities["intermediate"].certificate
    with pytest.raises(ConfigurationError, match="There is no root with the fingerprint"):
        store_of(g1, AnchorRule(fingerprint_of(intermediate)))


def test_known_roots_are_names_and_no_more(
    g1: TestPki, g4: TestPki, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(KNOWN_ROOTS) == 2
    for fingerprint, root in KNOWN_ROOTS.items():
        AnchorRule(fingerprint)
        assert "third party" in root.source
    assert known_root(root_of(g1)) is None
    named = KnownRoot("a root", None, "this test")
    ours = MappingProxyType({fingerprint_of(root_of(g1)): named})
    monkeypatch.setattr(anchors, "KNOWN_ROOTS", ours)
    assert known_root(root_of(g1)) == named
    # Known is not trusted.
    refusal(store_of(g4), g1, "vendor-a", Role.SIGNER)


def test_rules_are_values(g1: TestPki) -> None:
    (anchor,) = anchors_of([root_of(g1)], [])
    assert anchor.serves(Role.SIGNER, NOW)
    assert not replace(anchor, roles=frozenset({Role.TLS_CLIENT})).serves(Role.SIGNER, NOW)
    assert not replace(anchor, until=NOW - DAY).serves(Role.SIGNER, NOW)


# --- what a configuration says ----------------------------------------------------


def configured(folder: Path, rows: str) -> Config:
    path = folder / "wus.toml"
    path.write_text(rows)
    return load_config(path)


def test_a_configuration_names_roles_and_an_end(tmp_path: Path) -> None:
    config = configured(
        tmp_path,
        f"""
        [[trust.anchors]]
        sha256 = "{"AB:" * 31}AB"
        roles = ["tls-client", "signer"]
        until = 2028-11-13T23:00:00Z
        [[trust.anchors]]
        sha256 = "{"cd" * 32}"
        """,
    )
    roles = frozenset({Role.TLS_CLIENT, Role.SIGNER})
    end = datetime(2028, 11, 13, 23, tzinfo=UTC)
    assert config.anchor_rules == (AnchorRule("ab" * 32, roles, end), AnchorRule("cd" * 32))


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ('sha256 = "12"', r"trust\.anchors\[1\]: .*64 hexadecimal digits"),
        ('roles = ["signer"]', r"trust\.anchors\[1\]: .*64 hexadecimal digits"),
        ('sha256 = "12"\nroles = ["server"]', "is no role"),
        (f'sha256 = "{"12" * 32}"\nroles = []', "has no roles"),
        (f'sha256 = "{"12" * 32}"\nuntil = 2028-11-13', r"anchors\[1\]\.until must be a moment"),
        (f'sha256 = "{"12" * 32}"\nuntil = 2028-11-13T23:00:00', "no time zone"),
        (f'sha256 = "{"12" * 32}"\nrole = "signer"', "role"),
    ],
)
def test_a_row_that_cannot_be_meant(tmp_path: Path, row: str, match: str) -> None:
    with pytest.raises(ConfigurationError, match=match):
        configured(tmp_path, f"[[trust.anchors]]\n{row}\n")


def test_a_gateway_takes_its_rules_from_the_configuration(g4: TestPki, tmp_path: Path) -> None:
    write_pki(g4, tmp_path / "data")
    rule = f'sha256 = "{fingerprint_of(root_of(g4, "root-lp"))}"\nroles = ["signer"]'
    config = configured(tmp_path, f'data_dir = "data"\n[[trust.anchors]]\n{rule}\n')
    trust = CurrentTrust(load_materials(config, lambda: NOW))
    client = g4.identities["vendor-a-auth"].certificate
    signer = g4.identities["vendor-a-sign"].certificate
    for _ in range(2):
        assert trust.signer(signer, NOW).chain[-1] == root_of(g4, "root-lp")
        with pytest.raises(Refusal):
            trust.peer(client, NOW)
        trust.replace(load_materials(config, lambda: NOW), NOW)


def test_a_gateway_does_not_start_with_a_rule_for_no_root(g1: TestPki, tmp_path: Path) -> None:
    write_pki(g1, tmp_path / "data")
    row = f'data_dir = "data"\n[[trust.anchors]]\nsha256 = "{"12" * 32}"\n'
    config = configured(tmp_path, row)
    with pytest.raises(ConfigurationError, match="no root with the fingerprint"):
        load_materials(config, lambda: NOW)
