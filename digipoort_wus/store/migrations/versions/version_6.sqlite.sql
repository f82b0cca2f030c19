CREATE TABLE ebms_cpa (
    id INTEGER NOT NULL,
    cpa_id TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    removed_at INTEGER,
    urls TEXT NOT NULL,
    certificates TEXT NOT NULL,
    quirks TEXT NOT NULL,
    secret_id INTEGER NOT NULL,
    content_id INTEGER NOT NULL,
    mac BLOB NOT NULL,
    PRIMARY KEY (id),
    CHECK (length(mac) = 32),
    FOREIGN KEY(secret_id) REFERENCES secret (id),
    FOREIGN KEY(content_id) REFERENCES payload (id)
) STRICT;

CREATE UNIQUE INDEX ebms_cpa_current ON ebms_cpa (cpa_id) WHERE removed_at IS NULL;

CREATE TABLE ebms_message (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    direction TEXT NOT NULL CHECK (direction IN ('in', 'out')),
    cpa_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    sender TEXT NOT NULL,
    copy INTEGER NOT NULL CHECK (copy >= 0),
    receiver TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    ref_to_message_id TEXT,
    service TEXT NOT NULL,
    service_type TEXT,
    action TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    time_to_live INTEGER,
    persist_until INTEGER NOT NULL,
    at INTEGER NOT NULL,
    digest BLOB NOT NULL,
    content_type TEXT NOT NULL,
    packaging TEXT NOT NULL,
    secret_id INTEGER NOT NULL,
    envelope_id INTEGER,
    mac BLOB NOT NULL,
    state TEXT NOT NULL,
    settled_at INTEGER,
    processed_at INTEGER,
    answer_id INTEGER,
    answer_type TEXT,
    answer_message_id TEXT,
    answered_at INTEGER,
    tasks INTEGER DEFAULT 0 NOT NULL CHECK (tasks >= 0),
    CHECK (length(digest) = 32),
    CHECK (length(mac) = 32),
    CHECK ((answer_id IS NULL) = (answer_type IS NULL)),
    CHECK ((answer_id IS NULL) = (answered_at IS NULL)),
    UNIQUE (message_id, direction, cpa_id, sender, copy),
    FOREIGN KEY(secret_id) REFERENCES secret (id),
    FOREIGN KEY(envelope_id) REFERENCES payload (id),
    FOREIGN KEY(answer_id) REFERENCES payload (id)
) STRICT;

CREATE INDEX ebms_message_answer ON ebms_message (answer_message_id) WHERE answer_message_id IS NOT NULL;

CREATE INDEX ebms_message_conversation ON ebms_message (conversation_id);

CREATE INDEX ebms_message_persist ON ebms_message (persist_until);

CREATE INDEX ebms_message_referred ON ebms_message (ref_to_message_id) WHERE ref_to_message_id IS NOT NULL;

CREATE INDEX ebms_message_unprocessed ON ebms_message (id) WHERE processed_at IS NULL AND direction = 'in';

CREATE TABLE ebms_attempt (
    message_id INTEGER NOT NULL,
    seq INTEGER NOT NULL CHECK (seq > 0),
    at INTEGER NOT NULL,
    url TEXT NOT NULL,
    ended_at INTEGER,
    outcome TEXT,
    status INTEGER,
    PRIMARY KEY (message_id, seq),
    CHECK ((outcome IS NULL) = (ended_at IS NULL)),
    FOREIGN KEY(message_id) REFERENCES ebms_message (id)
) WITHOUT ROWID,
 STRICT;

CREATE TABLE ebms_event (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    message_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    processed_at INTEGER,
    FOREIGN KEY(message_id) REFERENCES ebms_message (id)
) STRICT;

CREATE INDEX ebms_event_message ON ebms_event (message_id);

CREATE INDEX ebms_event_unprocessed ON ebms_event (id) WHERE processed_at IS NULL;

CREATE TABLE ebms_part (
    message_id INTEGER NOT NULL,
    position INTEGER NOT NULL CHECK (position >= 0),
    content_id TEXT NOT NULL,
    media_type TEXT NOT NULL,
    name TEXT,
    payload_id INTEGER NOT NULL,
    PRIMARY KEY (message_id, position),
    FOREIGN KEY(message_id) REFERENCES ebms_message (id),
    FOREIGN KEY(payload_id) REFERENCES payload (id)
) WITHOUT ROWID,
 STRICT;

CREATE TABLE ebms_task (
    message_id INTEGER NOT NULL,
    run_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    last_at INTEGER,
    lease_until INTEGER,
    token INTEGER NOT NULL CHECK (token >= 0),
    PRIMARY KEY (message_id),
    CHECK ((attempts = 0) = (last_at IS NULL)),
    FOREIGN KEY(message_id) REFERENCES ebms_message (id)
) STRICT;

CREATE INDEX ebms_task_free ON ebms_task (run_at, message_id) WHERE lease_until IS NULL;

CREATE INDEX ebms_task_leased ON ebms_task (lease_until) WHERE lease_until IS NOT NULL;
