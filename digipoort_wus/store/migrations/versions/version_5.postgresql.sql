CREATE TABLE validation (
    filing_id BIGINT NOT NULL,
    seq BIGINT NOT NULL CHECK (seq > 0),
    stage TEXT COLLATE "C" NOT NULL,
    attempt BIGINT NOT NULL CHECK (attempt > 0),
    at BIGINT NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    report BYTEA,
    PRIMARY KEY (filing_id, seq),
    FOREIGN KEY(filing_id) REFERENCES filing (id)
);
