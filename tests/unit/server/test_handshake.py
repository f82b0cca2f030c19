"""Why a handshake failed: every answer of OpenSSL becomes a few words."""

import pytest

from digipoort_wus.server.handshake import why_refused


def queue(*reasons: str) -> list[tuple[str, str, str]]:
    return [("SSL routines", "", reason) for reason in reasons]


@pytest.mark.parametrize(
    ("code", "why"),
    [(20, "unknown CA"), (10, "certificate expired"), (23, "certificate revoked")],
)
def test_the_verdict_on_the_certificate_is_told(code: int, why: str) -> None:
    assert why_refused(queue("certificate verify failed"), code) == why


def test_a_verdict_without_words_keeps_its_number() -> None:
    why = why_refused(queue("certificate verify failed"), 99)
    assert why == "certificate not accepted (OpenSSL's code 99)"


@pytest.mark.parametrize(
    ("reasons", "why"),
    [
        (("peer did not return a certificate",), "no certificate"),
        (("tlsv1 alert unknown ca",), "ended by the client: tlsv1 alert unknown ca"),
        (("ssl/tls alert bad certificate",), "ended by the client: ssl/tls alert bad certificate"),
        (("something new",), "something new"),
        (("x" * 1000,), "x" * 80),
        ((), "OpenSSL gives no reason"),
    ],
)
def test_other_reasons(reasons: tuple[str, ...], why: str) -> None:
    # The code says nothing when it was not the certificate.
    assert why_refused(queue(*reasons), 20) == why
