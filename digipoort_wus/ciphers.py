"""The TLS cipher suites that Digikoppeling lets both ends use, as OpenSSL names them."""

# Beveiligingsstandaarden 3.0.0 (TLSCIPH001) on NCSC 2025-05: AEAD with ECDHE only.
# Security level 2 lets the RSA-2048 leaves of G1 in, and nothing weaker.
TLS12_CIPHERS = (
    "@SECLEVEL=2:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
)
"""Of TLS 1.2, the best first."""
TLS13_SUITES = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"
"""Of TLS 1.3: what OpenSSL offers there anyway, where it cannot be told."""
