import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.errors import Refusal
from digipoort_wus.pki.oin import (
    PRODUCTION_PREFIXES,
    REGISTERS,
    TEST_PREFIX,
    deviation_of,
    oin_of,
    parse_oin,
)
from digipoort_wus.pki.testpki import TestPki
from tests.unit.pki.scenarios import with_bit_string


@pytest.mark.parametrize(
    "text",
    [
        "00000001002220647000",
        "00000003302162470000",
        "00000004003214345001",
        "0000000701AB00000000",
        "00000011000000001000",
        "00000099000000001000",
    ],
)
def test_oins(text: str) -> None:
    assert parse_oin(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0000000100222064700",
        "000000010022206470000",
        "00000000002220647000",
        "00000012002220647000",
        "0000000100222064700a",
        "0000000100222064700 ",
        "0000000100222064700\n",
        "00000001002220647000\n",
        "0000000100222064700\0",
        "０0000001002220647000",
    ],
)
def test_no_oins(text: str) -> None:
    with pytest.raises(ValueError, match="not an OIN"):
        parse_oin(text)


@given(st.text(max_size=24))
def test_only_twenty_plain_characters_pass(text: str) -> None:
    try:
        parse_oin(text)
    except ValueError:
        return
    assert len(text.encode("ascii")) == 20


def test_oin_of(g1: TestPki, g4: TestPki) -> None:
    for pki in (g1, g4):
        assert oin_of(pki.identities["gateway-tls"].certificate) == "00000099000000001000"


def test_there_is_a_register_for_every_prefix() -> None:
    assert set(REGISTERS) == PRODUCTION_PREFIXES | {TEST_PREFIX}


@pytest.mark.parametrize(
    "text",
    [
        "00000001002220647000",
        "00000002123456789000",
        "00000003302162470000",
        "00000004003214345001",
        "00000005ANYTHINGATAL",
        "00000007AB0000000000",
        "00000009123456789000",
        "00000009123456780000",
        "00000099000000001000",
    ],
)
def test_forms_of_the_registers(text: str) -> None:
    assert deviation_of(parse_oin(text)) == ""


@pytest.mark.parametrize(
    ("text", "register"),
    [
        ("00000001002220647001", "RSIN"),
        ("0000000100222064AB00", "RSIN"),
        ("00000003302162470001", "KvK"),
        ("00000004ABC214345001", "subOIN"),
        ("00000099000000002001", "tests"),
    ],
)
def test_a_deviation_is_an_oin_all_the_same(text: str, register: str) -> None:
    assert deviation_of(parse_oin(text)) == f"not the form that {register} has behind {text[:8]}"


def test_a_subject_that_cannot_be_read_is_a_refusal(g1: TestPki) -> None:
    with pytest.raises(Refusal) as caught:
        oin_of(with_bit_string(g1))
    assert caught.value.received == "a subject that cannot be read"
