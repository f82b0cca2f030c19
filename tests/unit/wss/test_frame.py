"""What stands around a Body that is sent in pieces: signed as an answer of one piece is."""

from collections.abc import Callable, Iterator

from lxml import etree

from digipoort_wus.client.wsse import signer_trust
from digipoort_wus.names import TYPES
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.soap.addressing import read_addressing
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.wss.policy import DIGIPOORT_1_2, SUITE_SHA256
from digipoort_wus.wss.sign import signed_answer, signed_frame
from digipoort_wus.wss.verify import verify_envelope
from digipoort_wus.xmlsafe.c14n import canonicalize
from digipoort_wus.xmlsafe.parse import parse_message
from tests.messages import NOW

HEADERS = (("To", "urn:to"), ("Action", "urn:action"), ("MessageID", "urn:uuid:1 & 2"))
CHILD = f'<a xmlns="{TYPES}"><b>een &amp; twee</b></a>'.encode()


def test_pieces_are_the_message_of_one_piece(g1: TestPki, xmlsec1: Callable[[bytes], bool]) -> None:
    identity = g1.identities["vendor-a"]
    whole = signed_answer(
        HEADERS, etree.fromstring(CHILD), identity=identity, suite=SUITE_SHA256, created=NOW
    )
    before, behind = signed_frame(
        HEADERS, iter((CHILD[:9], CHILD[9:])), identity=identity, suite=SUITE_SHA256, created=NOW
    )
    assert before + CHILD + behind == whole
    assert xmlsec1(whole)
    envelope = read_envelope(parse_message(whole))
    assert canonicalize(envelope.body_child) == CHILD


def test_every_part_is_signed(g1: TestPki) -> None:
    before, behind = signed_frame(
        (*HEADERS[:2], ("MessageID", "urn:uuid:1")),
        (CHILD,),
        identity=g1.identities["vendor-a"],
        suite=SUITE_SHA256,
        created=NOW,
    )
    envelope = read_envelope(parse_message(before + CHILD + behind))
    store = g1.trust_store()
    verified = verify_envelope(
        envelope,
        read_addressing(envelope),
        policy=DIGIPOORT_1_2,
        trust=signer_trust(store),
        now=NOW,
    )
    assert verified.addressing.message_id == "urn:uuid:1"


def test_the_body_is_read_once_and_never_held(g1: TestPki) -> None:
    alive: list[int] = []

    class Piece(bytes):
        def __del__(self) -> None:
            alive.pop()

    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            alive.append(1)
            # The one that was yielded before, and nothing else, may still be there.
            assert len(alive) <= 2
            yield Piece(b"x" * 10_000)

    signed_frame(
        HEADERS,
        pieces(),
        identity=g1.identities["vendor-a"],
        suite=SUITE_SHA256,
        created=NOW,
    )
    assert alive == []
