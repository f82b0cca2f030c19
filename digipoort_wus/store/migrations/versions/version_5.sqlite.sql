CREATE TABLE validation (
    filing_id INTEGER NOT NULL,
    seq INTEGER NOT NULL CHECK (seq > 0),
    stage TEXT NOT NULL,
    attempt INTEGER NOT NULL CHECK (attempt > 0),
    at INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    report BLOB,
    PRIMARY KEY (filing_id, seq),
    FOREIGN KEY(filing_id) REFERENCES filing (id)
) WITHOUT ROWID,
 STRICT;
