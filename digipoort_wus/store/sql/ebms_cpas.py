"""Statements about agreements of ebMS."""

import json
from collections.abc import Sequence
from datetime import datetime
from types import MappingProxyType

from digipoort_wus.filing.content import read_content
from digipoort_wus.store import binding, ebms_binding
from digipoort_wus.store.ebms_values import CpaRow
from digipoort_wus.store.secrets import RingId, WrappedSecret
from digipoort_wus.store.sql.contents import ContentReads
from digipoort_wus.store.sql.convert import floor_ms, moment_of, optional_moment
from digipoort_wus.store.sql.session import Row
from digipoort_wus.store.values import PayloadDamaged

_CPA = """SELECT ebms_cpa.id, content_id, mac, secret.ring, secret.wrapped, cpa_id, added_at,
        removed_at, urls, certificates, quirks
    FROM ebms_cpa JOIN secret ON secret.id = ebms_cpa.secret_id"""


class EbmsCpaReads(ContentReads):
    """Looks up agreements."""

    def cpa(self, cpa_id: str) -> CpaRow | None:
        """Return the current agreement of a CPAId, None when there is none."""
        row = self._one(f"{_CPA} WHERE cpa_id = ? AND removed_at IS NULL", cpa_id)
        return None if row is None else self._opened(row)

    def cpas(self) -> Sequence[CpaRow]:
        """Return every current agreement, by CPAId."""
        rows = self._all(f"{_CPA} WHERE removed_at IS NULL ORDER BY cpa_id")
        return [self._opened(row) for row in rows]

    def cpas_of(self, cpa_id: str) -> Sequence[CpaRow]:
        """Return the agreements that a CPAId has had, oldest first."""
        rows = self._all(f"{_CPA} WHERE cpa_id = ? ORDER BY ebms_cpa.id", (cpa_id,))
        return [self._opened(row) for row in rows]

    def cpa_edition(self) -> tuple[int, int]:
        """Return what is another as soon as an agreement was added, replaced or removed."""
        row = self._one("SELECT coalesce(max(id), 0), count(removed_at) FROM ebms_cpa")
        return (0, 0) if row is None else (row[0], row[1])

    def _opened(self, row: Row) -> CpaRow:
        number, content_id, mac, ring, secret = row[:5]
        wrapped = WrappedSecret(RingId(ring), secret)
        content = self._payload(content_id, "ebms_cpa", number, ebms_binding.AGREEMENT)
        certificates = {name: bytes.fromhex(der) for name, der in json.loads(row[9]).items()}
        found = CpaRow(
            cpa_id=row[5],
            octets=b"" if content is None else read_content(content),
            added_at=moment_of(row[6]),
            urls=MappingProxyType(json.loads(row[8])),
            certificates=MappingProxyType(certificates),
            quirks=MappingProxyType(json.loads(row[10])),
            removed_at=optional_moment(row[7]),
        )
        if not binding.is_mac(self._vault.head_key(wrapped), ebms_binding.cpa_head(found), mac):
            raise PayloadDamaged("an agreement of ebMS is not what was kept: import it again")
        return found


class EbmsCpaWrites(EbmsCpaReads):
    """Keeps agreements."""

    def put_cpa(self, row: CpaRow) -> None:
        """Keep an agreement, in place of the current one of its CPAId."""
        self._end(row.cpa_id, row.added_at)
        wrapped = self._vault.wrapped_secret()
        secret_id = self._add_secret(wrapped.ring, wrapped.wrapped)
        sealed = self._vault.seal_under(wrapped, row.octets, ebms_binding.AGREEMENT)
        payload_id = self._add_payload(secret_id, sealed)
        certificates = {name: der.hex() for name, der in row.certificates.items()}
        self._execute(
            """INSERT INTO ebms_cpa
                (cpa_id, added_at, urls, certificates, quirks, secret_id, content_id, mac)
            VALUES (?,?,?,?,?,?,?,?)""",
            (
                *(row.cpa_id, floor_ms(row.added_at), json.dumps(dict(row.urls))),
                *(json.dumps(certificates), json.dumps(dict(row.quirks)), secret_id, payload_id),
                binding.mac(self._vault.head_key(wrapped), ebms_binding.cpa_head(row)),
            ),
        )

    def remove_cpa(self, cpa_id: str, at: datetime) -> None:
        """End the current agreement of a CPAId."""
        if not self._end(cpa_id, at):
            raise KeyError(cpa_id)

    def _end(self, cpa_id: str, at: datetime) -> bool:
        ended = self._execute(
            "UPDATE ebms_cpa SET removed_at = ? WHERE cpa_id = ? AND removed_at IS NULL",
            (floor_ms(at), cpa_id),
        )
        return ended.rowcount == 1
