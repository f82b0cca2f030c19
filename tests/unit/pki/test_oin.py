import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.pki.oin import oin_of, parse_oin
from digipoort_wus.pki.testpki import TestPki


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
