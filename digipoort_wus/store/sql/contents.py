"""Statements about documents, and where their octets are."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from digipoort_wus.filing.content import Content
from digipoort_wus.filing.filing import Document
from digipoort_wus.store import binding
from digipoort_wus.store.sql.base import PAYLOAD, Rows, stored
from digipoort_wus.store.sql.session import Row
from digipoort_wus.store.vault import secret_of

# By the secret of who has the document, whatever the row of the payload says.
_DOCUMENTS = """SELECT document.mime_type, document.file_name, owner.mac IS NULL, {columns}
    FROM {table}_document AS document JOIN {owner} AS owner ON owner.id = document.{key}
    JOIN payload ON payload.id = document.payload_id
    LEFT JOIN secret ON secret.id = owner.secret_id
    WHERE document.{key} = ? ORDER BY document.position"""
_FILING_DOCUMENTS = _DOCUMENTS.format(
    columns=PAYLOAD, table="filing", owner="filing", key="filing_id"
)
_RETURN_DOCUMENTS = _DOCUMENTS.format(
    columns=PAYLOAD, table="return", owner="return_message", key="message_id"
)


class ContentReads(Rows):
    """Documents of filings and of return messages."""

    def _documents_of_filing(self, filing_id: int) -> Iterator[Document]:
        return self._documents(_FILING_DOCUMENTS, filing_id)

    def _documents_of_message(self, message_id: int) -> Iterator[Document]:
        return self._documents(_RETURN_DOCUMENTS, message_id)

    def _documents(self, statement: str, owner: int) -> Iterator[Document]:
        for position, row in enumerate(self._all(statement, (owner,))):
            yield self._document(position, row)

    def _document(self, position: int, row: Row) -> Document:
        mime_type, file_name, unsealed, *payload = row
        named = Document(mime_type, file_name, b"")
        label = binding.document_label(position, named)
        wrapped = secret_of(payload[0], payload[1])
        content = self._vault.open(wrapped, stored(tuple(payload)), label, unsealed=bool(unsealed))
        return replace(named, content=content)

    def _payload(
        self,
        payload_id: int | None,
        owner: Literal["filing", "return_message", "ebms_message", "ebms_cpa"],
        number: int,
        label: bytes,
    ) -> Content | None:
        """Return a payload by its number, as what its label says of this owner."""
        if payload_id is None:
            return None
        row = self._one(
            f"""SELECT {PAYLOAD} FROM payload LEFT JOIN secret ON secret.id =
                (SELECT secret_id FROM {owner} WHERE id = ?) WHERE payload.id = ?""",  # noqa: S608
            *(number, payload_id),
        )
        if row is None:
            return None
        return self._vault.open(secret_of(row[0], row[1]), stored(row), label)
