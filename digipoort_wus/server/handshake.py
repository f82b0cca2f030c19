"""Why a TLS handshake failed, in words for the operator's log."""

from collections.abc import Sequence
from types import MappingProxyType

# What OpenSSL says of the client's certificate: X509_V_ERR_ codes.
_VERIFY_CODES = MappingProxyType(
    {
        2: "unknown CA",
        3: "no CRL of a CA in its chain",
        9: "certificate not yet valid",
        10: "certificate expired",
        11: "CRL of a CA in its chain not yet valid",
        12: "CRL of a CA in its chain expired",
        18: "unknown CA (self-signed certificate)",
        19: "unknown CA (root not trusted)",
        20: "unknown CA",
        21: "unknown CA",
        23: "certificate revoked",
        24: "issuer is no CA",
        26: "wrong purpose of the certificate",
        66: "key too small",
        67: "key of a CA too small",
        68: "weak digest in a certificate",
    }
)
# By words in OpenSSL's own reason; the first that fits.
_REASONS = (
    ("did not return a certificate", "no certificate"),
    ("no shared cipher", "no shared cipher"),
    ("no shared signature algorithms", "no shared signature algorithm"),
    ("no suitable signature algorithm", "no shared signature algorithm"),
    ("no suitable key share", "no shared key exchange group"),
    ("no shared group", "no shared key exchange group"),
    ("unsupported protocol", "protocol version"),
    ("version too low", "protocol version"),
    ("inappropriate fallback", "protocol version"),
    ("http request", "no TLS: plain HTTP"),
    ("wrong version number", "no TLS"),
    ("packet length too long", "no TLS"),
    ("record layer failure", "no TLS"),
    ("bad record type", "no TLS"),
)
_VERIFY_FAILED = "certificate verify failed"
_SHOWN_MAX = 80


def why_refused(errors: Sequence[Sequence[str]], verify_code: int) -> str:
    """Return why a handshake failed, as a few words.

    Args:
        errors: OpenSSL's queue: library, function and reason of each error.
        verify_code: what OpenSSL said of the client's certificate, 0 when nothing.

    They come from a fixed set but for OpenSSL's own, which are as fixed: nothing of what the
    client sent is in them.
    """
    reasons = [error[-1] for error in errors if error]
    if _VERIFY_FAILED in reasons:
        known = _VERIFY_CODES.get(verify_code)
        return known or f"certificate not accepted (OpenSSL's code {verify_code})"
    for reason in reasons:
        if " alert " in f" {reason} ":
            return f"ended by the client: {reason[:_SHOWN_MAX]}"
        for words, said in _REASONS:
            if words in reason:
                return said
    return reasons[0][:_SHOWN_MAX] if reasons else "OpenSSL gives no reason"
