-- The mark of the last message: tells a mailbox that began anew and has overtaken its old numbers.
ALTER TABLE cursors ADD COLUMN mark TEXT NOT NULL DEFAULT '';

-- A message that belongs to no payment of this till needs a person, until one has settled it.
CREATE TABLE settled_strays (
    evidence_id INTEGER PRIMARY KEY REFERENCES evidence (id),
    at_ms       INTEGER NOT NULL,
    settled_by  TEXT    NOT NULL,
    reason      TEXT    NOT NULL
) STRICT;

CREATE INDEX evidence_strays ON evidence (id) WHERE attempt_id IS NULL AND verdict <> 'payment';

CREATE TRIGGER settled_strays_stay BEFORE DELETE ON settled_strays BEGIN
    SELECT RAISE(ABORT, 'what was settled stays');
END;
CREATE TRIGGER settled_strays_stay_unchanged BEFORE UPDATE ON settled_strays BEGIN
    SELECT RAISE(ABORT, 'what was settled stays');
END;
