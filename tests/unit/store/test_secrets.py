import hashlib
import hmac
import os

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.store.secrets import (
    KEY_SIZE,
    SALT_SIZE,
    SEALED_SMALL_MORE,
    KeyRing,
    RingId,
    Secret,
    SecretDestroyed,
    SecretUnreadable,
    WrappedSecret,
    adopted,
    evidence_salt,
    key_ring,
    new_salt,
    new_secret,
    open_payload,
    open_small,
    payload_key,
    rewrap,
    ring_id,
    seal_payload,
    seal_small,
    unwrap,
    wrap,
)
from digipoort_wus.store.values import PayloadDamaged

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
SECRET = Secret(b"\x07" * 32)
LABEL = b"request"


def hkdf(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """RFC 5869 with SHA-256, for 32 octets: extract, and one round of expand."""
    extracted = hmac.digest(salt or bytes(32), secret, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def test_a_key_is_named_by_its_hash() -> None:
    assert ring_id(OLD) == hashlib.sha256(OLD).hexdigest()[:8]
    assert key_ring(NEW, OLD).current == ring_id(NEW)


@pytest.mark.parametrize("keys", [(b"short",), (OLD, b""), (OLD, OLD)])
def test_what_is_no_ring(keys: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="key"):
        key_ring(*keys)


def test_a_secret_comes_back_from_its_row() -> None:
    ring = key_ring(NEW, OLD)
    kept = wrap(ring, SECRET)
    assert kept.ring == ring.current
    assert kept.wrapped is not None
    assert len(kept.wrapped) == 40
    assert unwrap(ring, kept) == SECRET
    assert unwrap(key_ring(OLD, NEW), kept) == SECRET


def test_the_wrapping_is_that_of_rfc_3394() -> None:
    # Appendix 4.6: 256 bits of key data with a key of 256 bits.
    kek = bytes(range(32))
    data = bytes.fromhex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F")
    kept = wrap(key_ring(kek), Secret(data))
    assert kept.wrapped == bytes.fromhex(
        "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"
    )


def test_a_ring_that_lacks_the_key_says_which() -> None:
    kept = wrap(key_ring(OLD), SECRET)
    with pytest.raises(SecretUnreadable, match=f"lacks the key {ring_id(OLD)}: put it back"):
        unwrap(key_ring(NEW), kept)


def test_a_key_that_was_exchanged_under_its_name_is_noticed() -> None:
    kept = wrap(key_ring(OLD), SECRET)
    other = KeyRing(ring_id(OLD), {ring_id(OLD): NEW})
    with pytest.raises(SecretUnreadable, match="damaged"):
        unwrap(other, kept)


@given(at=st.integers(0, 39), change=st.integers(1, 255))
def test_a_damaged_row_is_noticed(at: int, change: int) -> None:
    ring = key_ring(OLD)
    wrapped = bytearray(wrap(ring, SECRET).wrapped or b"")
    wrapped[at] ^= change
    with pytest.raises(SecretUnreadable, match="damaged"):
        unwrap(ring, WrappedSecret(ring.current, bytes(wrapped)))


@pytest.mark.parametrize("wrapped", [b"", b"x", bytes(16), bytes(39)])
def test_a_cut_row_is_noticed(wrapped: bytes) -> None:
    ring = key_ring(OLD)
    with pytest.raises(SecretUnreadable, match="damaged"):
        unwrap(ring, WrappedSecret(ring.current, wrapped))


def test_a_destroyed_secret_is_an_error_of_its_own() -> None:
    ring = key_ring(OLD)
    with pytest.raises(SecretDestroyed):
        unwrap(ring, WrappedSecret(ring.current, None))
    # Whether or not its key is still there.
    with pytest.raises(SecretDestroyed):
        unwrap(ring, WrappedSecret(RingId("00000000"), None))


def test_rotation_wraps_anew_what_is_old_and_not_destroyed() -> None:
    before, after = key_ring(OLD), key_ring(NEW, OLD)
    secrets = [new_secret() for _ in range(3)]
    rows = [(number, wrap(before, secret)) for number, secret in enumerate(secrets)]
    rows[1] = (1, WrappedSecret(before.current, None))
    rows.append((3, wrap(after, secrets[0])))
    changed = dict(rewrap(after, rows))
    assert set(changed) == {0, 2}
    alone = key_ring(NEW)
    assert [unwrap(alone, changed[number]) for number in (0, 2)] == [secrets[0], secrets[2]]
    # What is left of the old key opens nothing: older copies of the rows are unreadable.
    with pytest.raises(SecretUnreadable):
        unwrap(alone, rows[0][1])


def test_rotation_stops_at_what_it_cannot_read() -> None:
    with pytest.raises(SecretUnreadable):
        list(rewrap(key_ring(NEW), [(1, wrap(key_ring(OLD), SECRET))]))


def test_keys_are_derived_as_the_decision_says() -> None:
    salt = bytes(SALT_SIZE)
    assert payload_key(SECRET, salt, b"answer") == hkdf(
        SECRET.octets, salt, b"digipoort-wus payload 1\0answer"
    )
    assert evidence_salt(SECRET) == hkdf(SECRET.octets, b"", b"digipoort-wus evidence 1")


def test_each_payload_has_a_key_of_its_own() -> None:
    one, other = seal_payload(SECRET, b"inhoud", LABEL), seal_payload(SECRET, b"inhoud", LABEL)
    assert one.salt != other.salt
    assert payload_key(SECRET, one.salt, LABEL) != payload_key(SECRET, other.salt, LABEL)
    assert payload_key(SECRET, one.salt, LABEL) != payload_key(new_secret(), one.salt, LABEL)
    assert len(one.salt) == len(new_salt()) == SALT_SIZE
    with pytest.raises(PayloadDamaged):
        open_payload(SECRET, other.salt, one.octets, LABEL)
    with pytest.raises(PayloadDamaged):
        open_payload(SECRET, one.salt, one.octets, b"answer")


def test_a_payload_that_another_secret_sealed_is_adopted() -> None:
    mine = new_secret()
    sealed = seal_payload(SECRET, b"inhoud", LABEL)
    salt = adopted(mine, payload_key(SECRET, sealed.salt, LABEL), LABEL)
    assert open_payload(mine, salt, sealed.octets, LABEL) == b"inhoud"
    for secret, label in ((SECRET, LABEL), (mine, b"answer")):
        with pytest.raises(PayloadDamaged, match="where it belongs"):
            open_payload(secret, salt, sealed.octets, label)


def test_what_is_stored_is_described() -> None:
    sealed = seal_payload(SECRET, b"inhoud", LABEL)
    assert sealed.size == 6
    assert sealed.sha256 == hashlib.sha256(sealed.octets).digest()
    assert len(sealed.octets) == 6 + SEALED_SMALL_MORE
    assert b"inhoud" not in sealed.octets
    assert open_payload(SECRET, sealed.salt, sealed.octets, LABEL) == b"inhoud"


def test_the_seal_of_small_payloads_is_plain_aes_gcm() -> None:
    key = os.urandom(KEY_SIZE)
    sealed = seal_small(key, b"inhoud", b"about")
    nonce, hidden, tag = sealed[:12], sealed[12:-16], sealed[-16:]
    decryptor = Cipher(algorithms.AES(key), modes.GCM(nonce, tag)).decryptor()
    decryptor.authenticate_additional_data(b"about")
    assert decryptor.update(hidden) + decryptor.finalize() == b"inhoud"
    assert open_small(key, sealed, b"about") == b"inhoud"


@given(octets=st.binary(max_size=100), data=st.data())
def test_a_changed_small_payload_is_refused(octets: bytes, data: st.DataObject) -> None:
    key = bytes(32)
    sealed = seal_small(key, octets)
    assert open_small(key, sealed) == octets
    at = data.draw(st.integers(0, len(sealed) - 1))
    flipped = bytearray(sealed)
    flipped[at] ^= data.draw(st.integers(1, 255))
    for changed in (bytes(flipped), sealed[:at], sealed + b"\0", sealed[at:] + sealed[:at]):
        if changed != sealed:
            with pytest.raises(PayloadDamaged):
                open_small(key, changed)
    with pytest.raises(PayloadDamaged):
        open_small(key, sealed, b"other")
    with pytest.raises(PayloadDamaged):
        open_small(b"\1" * 32, sealed)


def test_no_key_is_ever_shown() -> None:
    ring = key_ring(OLD)
    kept = wrap(ring, SECRET)
    shown = f"{ring!r} {SECRET!r} {kept!r} {seal_payload(SECRET, b'inhoud', LABEL)!r}"
    for secret in (OLD, SECRET.octets, kept.wrapped):
        assert repr(secret) not in shown
    assert "inhoud" not in shown
