"""The tables of ebMS, of schema 6; part of :mod:`digipoort_wus.store.tables`.

A message is one row, whichever way it goes, with its envelope and payloads sealed under a secret
of its own. What has to be sent is a task: of a message that goes out the message itself, of one
that came in its answer.
"""

from sqlalchemy import CheckConstraint, Column, Index, UniqueConstraint, text

from digipoort_wus.store.table_parts import (
    NUMBER,
    is_digest,
    number,
    octets,
    own_id,
    partial,
    primary,
    table,
    to,
    words,
)

# An agreement that was replaced or removed stays: messages were judged by it.
ebms_cpa = table(
    "ebms_cpa",
    own_id(),
    words("cpa_id"),
    number("added_at"),
    number("removed_at", nullable=True),
    # JSON: other addresses than the agreement has, other certificates, and ways of the partner.
    words("urls"),
    words("certificates"),
    words("quirks"),
    number("secret_id", to("secret.id")),
    number("content_id", to("payload.id")),
    # Over what decides whom we trust, under the secret.
    octets("mac"),
    is_digest("mac"),
    partial("ebms_cpa_current", "cpa_id", where="removed_at IS NULL", unique=True),
)

ebms_message = table(
    "ebms_message",
    own_id(),
    words("direction", CheckConstraint("direction IN ('in', 'out')")),
    words("cpa_id"),
    words("message_id"),
    words("sender"),
    # From 0; more only where nobody asked to have repeats left out.
    number("copy", CheckConstraint("copy >= 0")),
    words("receiver"),
    words("conversation_id"),
    words("ref_to_message_id", nullable=True),
    words("service"),
    words("service_type", nullable=True),
    words("action"),
    number("timestamp"),
    number("time_to_live", nullable=True),
    number("persist_until"),
    # When it was stored here.
    number("at"),
    # By which a repeat is known.
    octets("digest"),
    # How it was, or is to be, put into a package: its Content-Type, and JSON of whoever packs it.
    words("content_type"),
    words("packaging"),
    number("secret_id", to("secret.id")),
    number("envelope_id", to("payload.id"), nullable=True),
    # Over the columns above, under the secret.
    octets("mac"),
    words("state"),
    number("settled_at", nullable=True),
    number("processed_at", nullable=True),
    # Of one that came in: what was answered first. Of one that went out: what settled it.
    number("answer_id", to("payload.id"), nullable=True),
    words("answer_type", nullable=True),
    words("answer_message_id", nullable=True),
    number("answered_at", nullable=True),
    # How many tasks it has had: their fencing tokens are never those of another task.
    Column(
        "tasks", NUMBER, CheckConstraint("tasks >= 0"), nullable=False, server_default=text("0")
    ),
    is_digest("digest"),
    is_digest("mac"),
    CheckConstraint("(answer_id IS NULL) = (answer_type IS NULL)"),
    CheckConstraint("(answer_id IS NULL) = (answered_at IS NULL)"),
    # Its first column is what few rows share: SQLite would else look through all of a direction.
    UniqueConstraint("message_id", "direction", "cpa_id", "sender", "copy"),
    Index("ebms_message_conversation", "conversation_id"),
    partial("ebms_message_referred", "ref_to_message_id", where="ref_to_message_id IS NOT NULL"),
    Index("ebms_message_persist", "persist_until"),
    partial(
        "ebms_message_unprocessed",
        "id",
        where="processed_at IS NULL AND direction = 'in'",
    ),
    partial("ebms_message_answer", "answer_message_id", where="answer_message_id IS NOT NULL"),
    # Applications know messages by it.
    numbers_once=True,
)

ebms_part = table(
    "ebms_part",
    number("message_id", to("ebms_message.id")),
    number("position", CheckConstraint("position >= 0")),
    words("content_id"),
    words("media_type"),
    words("name", nullable=True),
    number("payload_id", to("payload.id")),
    primary("message_id", "position"),
    with_rowid=False,
)

ebms_task = table(
    "ebms_task",
    Column("message_id", NUMBER, to("ebms_message.id"), primary_key=True, autoincrement=False),
    number("run_at"),
    number("attempts", CheckConstraint("attempts >= 0")),
    # When the last attempt began.
    number("last_at", nullable=True),
    number("lease_until", nullable=True),
    number("token", CheckConstraint("token >= 0")),
    CheckConstraint("(attempts = 0) = (last_at IS NULL)"),
    partial("ebms_task_free", "run_at", "message_id", where="lease_until IS NULL"),
    partial("ebms_task_leased", "lease_until", where="lease_until IS NOT NULL"),
)

ebms_attempt = table(
    "ebms_attempt",
    number("message_id", to("ebms_message.id")),
    number("seq", CheckConstraint("seq > 0")),
    number("at"),
    words("url"),
    number("ended_at", nullable=True),
    words("outcome", nullable=True),
    # Of HTTP, where there was an answer.
    number("status", nullable=True),
    CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)"),
    primary("message_id", "seq"),
    with_rowid=False,
)

# For the application behind the gateway.
ebms_event = table(
    "ebms_event",
    own_id(),
    number("message_id", to("ebms_message.id")),
    words("kind"),
    number("at"),
    number("processed_at", nullable=True),
    Index("ebms_event_message", "message_id"),
    partial("ebms_event_unprocessed", "id", where="processed_at IS NULL"),
    # Whoever has read up to one must not miss a later one.
    numbers_once=True,
)
