"""VERIFY.md of an export: what is in it, and the commands that judge it."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from digipoort_wus.clock import format_utc
from digipoort_wus.evidence.entry import Entry
from digipoort_wus.evidence.kept import Kept, KeptMessage, KeptRequest
from digipoort_wus.evidence.rows import SealingBatch
from digipoort_wus.names import SOAP, WSA, WSSE, WSSE11, WSU

SIGNED_PARTS = (
    *((SOAP, "Body"), (WSU, "Timestamp"), (WSSE, "BinarySecurityToken")),
    (WSSE11, "SignatureConfirmation"),
    *((WSA, name) for name in ("To", "Action", "MessageID", "RelatesTo")),
    *((WSA, name) for name in ("From", "ReplyTo", "FaultTo")),
)
"""Elements whose wsu:Id a signature may name; xmlsec1 has to be told."""

_HEAD = """\
# Evidence of {kenmerk}

What a gateway received and did with it, as far as it was recorded. You need OpenSSL 3, xmlsec1,
GNU coreutils and sed; on Debian: `apt-get install openssl xmlsec1`. Nothing of the gateway's own
software is needed, and no network.

Unpack the zip, stay in its directory, and run:

```sh
sh verify.sh
```

Each line says what was judged. It ends with `Everything holds.` and status 0, or with status 1.

Two things in a zip cannot vouch for themselves:

- **The roots.** Above, the certificates of `trust/` are believed because they are there. Give the
  roots that you believe, taken from their publisher: `sh verify.sh ROOTS.pem STAMP-ROOTS.pem`.
- **This script and this page.** Whoever changes the evidence can change them too. The same
  `verify.sh` is in the source of digipoort-wus, and its SHA-256 should be what you find here:

```sh
sha256sum verify.sh
```

## What is in it

| file | what |
|---|---|
| `chain.jsonl` | the entries, one on each line, canonical JSON (RFC 8785) |
| `proofs/SEQ.json` | which batch seals an entry, and the path to its root (RFC 9162 2.1.3) |
| `batches/N.json`, `.sig`, `.pem` | a batch: root, time, number; its signature and certificate |
| `batches/N.tsr` | its time stamp (RFC 3161), over the JSON and the signature behind it |
| `filings/N/request.xml`, `answer.xml` | the signed request and confirmation, every octet |
| `filings/N/contents/`, `statuses.json` | contents, decoded; statuses |
| `filings/N/certificates/`, `crls/` | of the signer, leaf first; the CRLs that were used |
| `filings/N/reports/M/` | what the agency reported: its signed request, certificates, CRLs |
| `messages/N/` | a return message: its contents, and the agency's signed request that brought it |
| `salt.hex` | key of the HMACs; what is personal is in the entries as HMAC only |

The hash of an entry is SHA-256 over one octet 0x02, the hash of the entry before (32 zero octets
for the first) and the line. It is a leaf of the Merkle tree of its batch. An HMAC is
HMAC-SHA256 over the name of a value, one octet 0x00, and the value.

## By hand

`verify.sh` does all of this, and the hashes and HMACs that are too many to type.
"""

_SIGNED = """\
A newer xmlsec1 (1.3) also wants `--lax-key-search`.

```sh
openssl x509 -in {folder}/certificates/1.pem -pubkey -noout > signer.key
xmlsec1 --verify --pubkey-pem signer.key \\
{ids}    {folder}/request.xml
```
"""
_OVER_EBMS = """\
The request is the
envelope of an ebMS message. Its signature is over the payload as well, in the form in which it
came, which is not here: who verified it is the gateway.
"""

_TAIL = """\

## What it shows, and what not

- The signature of a request shows that the holder of the certificate signed it. xmlsec1 says
  that the digests hold, not which elements they are of: see that each Reference of SignedInfo
  names the Body, Timestamp and addressing headers that stand where they belong.
- Chain, batches and their signatures show what the gateway recorded. By themselves they prove
  nothing against the gateway's operator, who holds its key: he can write another history.
- A time stamp shows that a batch, and so every entry in it, was there at that time. What came
  before it cannot be changed without the authority.
- That nothing was left out is not shown: a chain tells of what was recorded, up to its end.
"""


def guide(
    kenmerk: str,
    entries: Sequence[Entry],
    filings: Sequence[Kept],
    messages: Sequence[KeptMessage],
    batches: Sequence[SealingBatch],
) -> str:
    """Return the text of VERIFY.md.

    Args:
        kenmerk: whose evidence.
        entries: of the chain.
        filings: those that are shown, in the order of their folders.
        messages: return messages that are shown, likewise.
        batches: those that seal the entries.
    """
    received = {entry.bericht: entry for entry in entries if entry.kind == "received"}
    parts = [_HEAD.format(kenmerk=kenmerk)]
    for number, kept in enumerate(filings, 1):
        entry = received.get(kept.bericht)
        if entry is not None and kept.certificates and kept.request is not None:
            who = f"Delivery {number}: who signed the request"
            said = _OVER_EBMS if str(entry.facts["policy"]).startswith("ebms") else _SIGNED
            folder = f"filings/{number}"
            parts.append(_request(who, folder, entry.at, kept.certificates[0], said))
        reported = (
            one for one in entries if one.kind == "reported" and one.bericht == kept.bericht
        )
        for count, (told, report) in enumerate(zip(reported, kept.reports, strict=False), 1):
            who = f"Delivery {number}: who signed report {count}"
            folder = f"filings/{number}/reports/{count}"
            parts.extend(_of_agency(who, folder, told.at, report))
    offered = {entry.bericht: entry for entry in entries if entry.kind == "offered"}
    for number, message in enumerate(messages, 1):
        who = f"Return message {number}: who offered it"
        at = offered[message.bericht].at
        parts.extend(_of_agency(who, f"messages/{number}", at, message.offered))
    parts.extend(_batch(sealing) for sealing in batches)
    return "".join((*parts, _TAIL))


def _of_agency(who: str, folder: str, at: datetime, kept: KeptRequest | None) -> Iterator[str]:
    if kept is not None and kept.certificates and kept.request is not None:
        yield _request(who, folder, at, kept.certificates[0])


def _request(
    who: str, folder: str, at: datetime, signer: x509.Certificate, said: str = _SIGNED
) -> str:
    leaf = signer.fingerprint(hashes.SHA256()).hex()
    return f"""
### {who}

The certificate's SHA-256 (DER) is `{leaf}`. {said.format(ids="".join(_ids()), folder=folder)}
It led to a root, and was not revoked, when the request was received, {format_utc(at)}:

```sh
cat {folder}/certificates/*.pem > issuers.pem
cat {folder}/crls/*.pem > crls.pem
openssl verify -attime {int(at.timestamp())} -crl_check_all -no-CApath -no-CAstore \\
    -CAfile trust/roots.pem -untrusted issuers.pem -CRLfile crls.pem {folder}/certificates/1.pem
```
"""


def _ids() -> Iterator[str]:
    return (f"    --id-attr:Id {namespace}:{name} \\\n" for namespace, name in SIGNED_PARTS)


def _batch(sealing: SealingBatch) -> str:
    batch = sealing.row.batch
    stem = f"batches/{batch.number}"
    text = f"""
### Batch {batch.number}: who sealed it

```sh
openssl x509 -in {stem}.pem -pubkey -noout > gateway.key
openssl dgst -sha256 -verify gateway.key -signature {stem}.sig {stem}.json
openssl verify -attime {int(batch.sealed_at.timestamp())} -no-CApath -no-CAstore \\
    -CAfile trust/roots.pem -untrusted trust/issuers.pem {stem}.pem
```
"""
    if sealing.row.stamp is None:
        return text + "\nIt has no time stamp.\n"
    at = sealing.row.stamped_at or batch.sealed_at
    return f"""{text}
Its time stamp:

```sh
cat {stem}.json {stem}.sig > stamped
openssl ts -verify -data stamped -in {stem}.tsr -attime {int(at.timestamp())} \\
    -CAfile trust/stamps.pem
```
"""
