CREATE TABLE batch (
    id INTEGER NOT NULL,
    sealed_at INTEGER NOT NULL,
    leaves INTEGER NOT NULL CHECK (leaves > 0),
    root BLOB NOT NULL,
    previous BLOB NOT NULL,
    signature BLOB NOT NULL,
    signer_sha256 BLOB NOT NULL,
    token BLOB,
    stamped_at INTEGER,
    PRIMARY KEY (id),
    CHECK ((token IS NULL) = (stamped_at IS NULL)),
    CHECK (length(root) = 32),
    CHECK (length(signer_sha256) = 32),
    UNIQUE (previous)
) STRICT;

CREATE INDEX batch_unstamped ON batch (id) WHERE token IS NULL;

CREATE TABLE identity (
    id TEXT NOT NULL,
    PRIMARY KEY (id)
) STRICT;

CREATE TABLE material (
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    kind TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (sha256)
) STRICT;

CREATE TABLE question (
    id INTEGER NOT NULL,
    signature BLOB NOT NULL,
    valid_until INTEGER NOT NULL,
    PRIMARY KEY (id),
    CHECK (length(signature) = 32),
    UNIQUE (signature)
) STRICT;

CREATE INDEX question_valid_until ON question (valid_until);

CREATE TABLE secret (
    id INTEGER NOT NULL,
    ring TEXT NOT NULL,
    wrapped BLOB,
    PRIMARY KEY (id)
) STRICT;

CREATE TABLE volume (
    oin TEXT NOT NULL,
    day INTEGER NOT NULL,
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    PRIMARY KEY (oin)
) WITHOUT ROWID,
 STRICT;

CREATE TABLE payload (
    id INTEGER NOT NULL,
    secret_id INTEGER,
    salt BLOB,
    sha256 BLOB NOT NULL,
    size INTEGER NOT NULL CHECK (size >= 0),
    content BLOB,
    place TEXT NOT NULL CHECK (place IN ('row', 'file', 'object', 'gone')),
    PRIMARY KEY (id),
    CHECK (length(sha256) = 32),
    CHECK ((content IS NOT NULL) = (place = 'row')),
    FOREIGN KEY(secret_id) REFERENCES secret (id)
) STRICT;

CREATE INDEX payload_file ON payload (sha256) WHERE place = 'file';

CREATE INDEX payload_object ON payload (sha256) WHERE place = 'object';

CREATE INDEX payload_secret ON payload (secret_id);

CREATE TABLE filing (
    id INTEGER NOT NULL,
    kenmerk TEXT NOT NULL,
    berichtkenmerk TEXT NOT NULL,
    sender TEXT NOT NULL,
    message_id TEXT NOT NULL,
    body_digest BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    berichtsoort TEXT NOT NULL,
    belanghebbende_number TEXT NOT NULL,
    belanghebbende_type TEXT NOT NULL,
    rol_belanghebbende TEXT NOT NULL,
    asked_kenmerk TEXT,
    aanleverkenmerk TEXT,
    eerder_aanleverkenmerk TEXT,
    ontvanger_number TEXT,
    ontvanger_type TEXT,
    rol_ontvanger TEXT,
    autorisatie_adres TEXT,
    tls_oin TEXT,
    secret_id INTEGER,
    request_id INTEGER,
    mac BLOB,
    purged_at INTEGER,
    hold TEXT,
    resent INTEGER DEFAULT 0 NOT NULL CHECK (resent >= 0),
    PRIMARY KEY (id),
    CHECK ((ontvanger_type IS NULL) = (ontvanger_number IS NULL)),
    UNIQUE (sender, message_id),
    FOREIGN KEY(secret_id) REFERENCES secret (id),
    FOREIGN KEY(request_id) REFERENCES payload (id)
) STRICT;

CREATE INDEX filing_kenmerk ON filing (kenmerk);

CREATE INDEX filing_party ON filing (sender, berichtsoort, belanghebbende_number);

CREATE INDEX filing_received ON filing (received_at);

CREATE TABLE answer (
    filing_id INTEGER NOT NULL,
    payload_id INTEGER NOT NULL,
    valid_until INTEGER NOT NULL,
    PRIMARY KEY (filing_id),
    FOREIGN KEY(filing_id) REFERENCES filing (id),
    FOREIGN KEY(payload_id) REFERENCES payload (id)
) STRICT;

CREATE TABLE evidence (
    id INTEGER NOT NULL,
    kenmerk TEXT NOT NULL,
    seq INTEGER NOT NULL,
    filing_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    entry TEXT NOT NULL,
    hash BLOB NOT NULL,
    batch_id INTEGER,
    leaf INTEGER,
    PRIMARY KEY (id),
    CHECK (length(hash) = 32),
    CHECK ((leaf IS NULL) = (batch_id IS NULL)),
    UNIQUE (kenmerk, seq),
    FOREIGN KEY(filing_id) REFERENCES filing (id),
    FOREIGN KEY(batch_id) REFERENCES batch (id)
) STRICT;

CREATE UNIQUE INDEX evidence_batch ON evidence (batch_id, leaf) WHERE batch_id IS NOT NULL;

CREATE INDEX evidence_unsealed ON evidence (id) WHERE batch_id IS NULL;

CREATE TABLE filing_document (
    filing_id INTEGER NOT NULL,
    position INTEGER NOT NULL CHECK (position >= 0),
    mime_type TEXT NOT NULL,
    file_name TEXT NOT NULL,
    payload_id INTEGER NOT NULL,
    PRIMARY KEY (filing_id, position),
    FOREIGN KEY(filing_id) REFERENCES filing (id),
    FOREIGN KEY(payload_id) REFERENCES payload (id)
) WITHOUT ROWID,
 STRICT;

CREATE TABLE filing_material (
    filing_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    PRIMARY KEY (filing_id, position),
    FOREIGN KEY(filing_id) REFERENCES filing (id),
    FOREIGN KEY(sha256) REFERENCES material (sha256)
) WITHOUT ROWID,
 STRICT;

CREATE TABLE inbox (
    peer TEXT NOT NULL,
    message_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    answer_id INTEGER,
    request_id INTEGER,
    received_at INTEGER NOT NULL,
    filing_id INTEGER NOT NULL,
    PRIMARY KEY (peer, message_id),
    FOREIGN KEY(answer_id) REFERENCES payload (id),
    FOREIGN KEY(request_id) REFERENCES payload (id),
    FOREIGN KEY(filing_id) REFERENCES filing (id)
) WITHOUT ROWID,
 STRICT;

CREATE INDEX inbox_filing ON inbox (filing_id);

CREATE TABLE job (
    filing_id INTEGER NOT NULL,
    kenmerk TEXT NOT NULL,
    step TEXT NOT NULL,
    run_at INTEGER NOT NULL,
    since INTEGER NOT NULL,
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    lease_until INTEGER,
    token INTEGER NOT NULL CHECK (token >= 0),
    state TEXT NOT NULL CHECK (state IN ('ready', 'aside')),
    crashes INTEGER NOT NULL CHECK (crashes >= 0),
    reason TEXT,
    PRIMARY KEY (filing_id),
    FOREIGN KEY(filing_id) REFERENCES filing (id)
) STRICT;

CREATE INDEX job_aside ON job (filing_id) WHERE state = 'aside';

CREATE INDEX job_free ON job (run_at, filing_id) WHERE lease_until IS NULL AND state = 'ready';

CREATE INDEX job_kenmerk ON job (kenmerk);

CREATE INDEX job_leased ON job (lease_until) WHERE lease_until IS NOT NULL;

CREATE TABLE return_message (
    id INTEGER NOT NULL,
    filing_id INTEGER NOT NULL,
    kenmerk TEXT NOT NULL,
    berichtkenmerk TEXT NOT NULL,
    berichtsoort TEXT NOT NULL,
    offered_at INTEGER NOT NULL,
    belanghebbende_number TEXT NOT NULL,
    belanghebbende_type TEXT NOT NULL,
    rol_belanghebbende TEXT NOT NULL,
    aanleverkenmerk TEXT,
    eerder_aanleverkenmerk TEXT,
    aanleveraar TEXT,
    ontvanger_number TEXT,
    ontvanger_type TEXT,
    rol_ontvanger TEXT,
    findings TEXT NOT NULL,
    elements TEXT NOT NULL,
    secret_id INTEGER,
    request_id INTEGER,
    mac BLOB,
    PRIMARY KEY (id),
    CHECK ((ontvanger_type IS NULL) = (ontvanger_number IS NULL)),
    UNIQUE (berichtkenmerk),
    FOREIGN KEY(filing_id) REFERENCES filing (id),
    FOREIGN KEY(secret_id) REFERENCES secret (id),
    FOREIGN KEY(request_id) REFERENCES payload (id)
) STRICT;

CREATE INDEX return_message_filing ON return_message (filing_id);

CREATE INDEX return_message_party ON return_message (belanghebbende_number, lower(belanghebbende_type));

CREATE TABLE status (
    filing_id INTEGER NOT NULL,
    seq INTEGER NOT NULL CHECK (seq > 0),
    code TEXT NOT NULL CHECK (length(code) = 3),
    at INTEGER NOT NULL,
    error_code TEXT,
    error_text TEXT,
    details TEXT,
    PRIMARY KEY (filing_id, seq),
    CHECK ((error_text IS NULL) = (error_code IS NULL)),
    FOREIGN KEY(filing_id) REFERENCES filing (id)
) WITHOUT ROWID,
 STRICT;

CREATE TABLE return_document (
    message_id INTEGER NOT NULL,
    position INTEGER NOT NULL CHECK (position >= 0),
    mime_type TEXT NOT NULL,
    file_name TEXT NOT NULL,
    payload_id INTEGER NOT NULL,
    PRIMARY KEY (message_id, position),
    FOREIGN KEY(message_id) REFERENCES return_message (id),
    FOREIGN KEY(payload_id) REFERENCES payload (id)
) WITHOUT ROWID,
 STRICT;

CREATE TABLE seen_message (
    caller TEXT NOT NULL,
    message_id INTEGER NOT NULL,
    PRIMARY KEY (caller, message_id),
    FOREIGN KEY(message_id) REFERENCES return_message (id)
) WITHOUT ROWID,
 STRICT;

CREATE TABLE seen_status (
    caller TEXT NOT NULL,
    filing_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (caller, filing_id, seq),
    FOREIGN KEY(filing_id, seq) REFERENCES status (filing_id, seq)
) WITHOUT ROWID,
 STRICT;
