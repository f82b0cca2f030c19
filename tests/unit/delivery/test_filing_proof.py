"""What shows a filing over ebMS later: its envelope, and who signed it."""

from dataclasses import replace
from functools import partial
from hashlib import sha256

from digipoort_wus import checks
from digipoort_wus.delivery.filing_proof import EBMS, EBMS_SIGNED, proof_of
from digipoort_wus.ebms.partners import Ours
from digipoort_wus.errors import Refusal
from digipoort_wus.evidence.chains import chain_findings, kept_findings
from digipoort_wus.evidence.entry import read_entry
from digipoort_wus.filing.content import read_content
from digipoort_wus.process.proving import chain_of
from digipoort_wus.process.recording import CERTIFICATE, CRL
from digipoort_wus.store.ebms_values import Direction, EbmsContent, EbmsRow
from tests.unit.delivery.test_filing_desk import World, octets_of, world

__all__ = ["world"]


def came(world: World) -> tuple[EbmsRow, EbmsContent, Ours]:
    world.file(octets_of())
    us = world.two.digipoort
    (row,) = us.rows(Direction.IN)
    content = us.store.read(lambda reader: reader.ebms_content(row.ebms_id))
    return row, content, us.service.house.book.current()


def test_the_evidence_keeps_the_envelope_and_names_its_signer(world: World) -> None:
    _, content, _ = came(world)
    assert world.desk.take_all() == 1
    kenmerk = world.confirmed()[1].kenmerk
    chain = world.two.digipoort.store.read(partial(chain_of, kenmerk=kenmerk))
    (facts,) = [read_entry(one.octets).facts for one in chain.rows if one.kind == "received"]
    assert facts["policy"] == EBMS_SIGNED
    assert str(facts["algorithm"]).endswith("#rsa-sha256")
    leaf = world.two.agency.side.certificate
    assert chain.kept is not None
    (kept,) = chain.kept.values()
    assert kept.request is not None
    assert read_content(kept.request) == content.envelope
    assert kept.certificates[0] == leaf
    assert len(kept.certificates) > 1
    assert kept.crls
    assert list(chain_findings(kenmerk, chain.rows, 0)) == []
    assert list(kept_findings(kenmerk, chain.rows, chain.kept, chain.messages)) == []


def test_who_cannot_be_judged_any_more_is_not_named(world: World) -> None:
    row, content, ours = came(world)

    def revoked(*_: object) -> object:
        raise Refusal(checks.PKI_REVOKED)

    known = proof_of(row, content, ours)
    assert known is not None
    assert {one.kind for one in known.materials} == {CERTIFICATE, CRL}
    assert known.signature is not None
    assert known.body == row.head.digest
    for other in (
        replace(ours, trust=revoked),  # type: ignore[arg-type]
        replace(ours, partners={}),
        replace(ours, ids=frozenset()),
    ):
        proof = proof_of(row, content, other)
        assert proof is not None
        assert (proof.policy, proof.signature, proof.materials) == (EBMS, None, ())
        assert read_content(proof.request) == content.envelope
        assert proof.kept is not None


def test_another_payload_is_nobodys(world: World) -> None:
    row, content, ours = came(world)
    (part,) = content.parts
    changed = replace(content, parts=(replace(part, content=b"other"),))
    proof = proof_of(row, changed, ours)
    assert proof is not None
    assert (proof.policy, proof.materials) == (EBMS, ())
    assert proof_of(row, replace(content, envelope=None), ours) is None
    assert sha256(read_content(proof.request)).digest() == sha256(content.envelope or b"").digest()
