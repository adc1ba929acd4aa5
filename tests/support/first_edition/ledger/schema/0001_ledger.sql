-- Sales, attempts and their append-only events. Money is whole cents, instants are milliseconds since 1970,
-- days are East Africa Time. The rules of the domain are held here a second time, by the database itself.

-- Which ledger this is: `environment`, `ledger` (a random name), `key` (sealed by the key that belongs to it).
CREATE TABLE facts (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE legal_transitions (
    from_state TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    PRIMARY KEY (from_state, to_state)
) STRICT, WITHOUT ROWID;

INSERT INTO legal_transitions VALUES
    -- a fact that changes no state is an event as well
    ('ready', 'ready'), ('sending', 'sending'), ('pending', 'pending'), ('paid', 'paid'), ('declined', 'declined'),
    ('rejected', 'rejected'), ('unknown', 'unknown'), ('abandoned', 'abandoned'), ('withdrawn', 'withdrawn'),
    ('ready', 'sending'), ('ready', 'withdrawn'),
    ('sending', 'ready'), ('sending', 'pending'), ('sending', 'rejected'), ('sending', 'unknown'),
    ('sending', 'paid'), ('sending', 'declined'),
    ('pending', 'paid'), ('pending', 'declined'), ('pending', 'unknown'),
    ('unknown', 'pending'), ('unknown', 'paid'), ('unknown', 'declined'), ('unknown', 'abandoned'),
    ('declined', 'paid'), ('rejected', 'paid'), ('abandoned', 'paid');

CREATE TABLE sales (
    id              INTEGER PRIMARY KEY,
    reference       TEXT    NOT NULL CHECK (length(reference) BETWEEN 1 AND 12),
    amount_cents    INTEGER NOT NULL CHECK (amount_cents > 0),
    received_cents  INTEGER NOT NULL DEFAULT 0 CHECK (received_cents >= 0),
    day             TEXT    NOT NULL CHECK (day GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
    created_at_ms   INTEGER NOT NULL,
    cashier         TEXT    NOT NULL DEFAULT '',
    till_label      TEXT    NOT NULL DEFAULT '',
    is_voided       INTEGER NOT NULL DEFAULT 0 CHECK (is_voided IN (0, 1)),
    last_attempt_id INTEGER REFERENCES attempts (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE attempts (
    id                  INTEGER PRIMARY KEY,
    sale_id             INTEGER NOT NULL REFERENCES sales (id),
    amount_cents        INTEGER NOT NULL CHECK (amount_cents > 0),
    phone_head          TEXT    NOT NULL CHECK (length(phone_head) = 4),
    phone_last3         TEXT    NOT NULL CHECK (length(phone_last3) = 3),
    phone_tail          BLOB    NOT NULL,
    phone_sealed        BLOB    NOT NULL,
    token_hash          BLOB    NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    state               TEXT    NOT NULL DEFAULT 'ready' CHECK (state IN
                        ('ready', 'sending', 'pending', 'paid', 'declined', 'rejected', 'unknown', 'abandoned', 'withdrawn')),
    merchant_request_id TEXT,
    checkout_request_id TEXT,
    mpesa_code          TEXT,
    heard_code          TEXT,
    claimed_code        TEXT,
    outcome_kind        TEXT,
    outcome_code        TEXT,
    outcome_text        TEXT,
    outcome_is_final    INTEGER,
    outcome_may_turn    INTEGER,
    created_at_ms       INTEGER NOT NULL,
    sent_at_ms          INTEGER,
    settled_at_ms       INTEGER,
    asked_at_ms         INTEGER,
    asks                INTEGER NOT NULL DEFAULT 0,
    said_paid_at_ms     INTEGER,
    said_failed_at_ms   INTEGER,
    review              TEXT    NOT NULL DEFAULT '',
    CHECK (mpesa_code IS NULL OR state = 'paid')
) STRICT;

CREATE UNIQUE INDEX one_live_attempt ON attempts (sale_id) WHERE state IN ('ready', 'sending', 'pending', 'unknown');
CREATE UNIQUE INDEX one_sale_a_code ON attempts (mpesa_code) WHERE mpesa_code IS NOT NULL;
CREATE UNIQUE INDEX one_sale_a_claim ON attempts (claimed_code) WHERE claimed_code IS NOT NULL;
CREATE INDEX attempts_of_sale ON attempts (sale_id);
CREATE INDEX attempts_by_state ON attempts (state) WHERE state IN ('ready', 'sending', 'pending', 'unknown');
CREATE INDEX attempts_for_review ON attempts (id) WHERE review <> '';
CREATE INDEX attempts_by_checkout ON attempts (checkout_request_id) WHERE checkout_request_id IS NOT NULL;
CREATE INDEX attempts_by_tail ON attempts (phone_tail, sent_at_ms);
CREATE INDEX attempts_by_last3 ON attempts (phone_last3);
CREATE INDEX attempts_by_head ON attempts (phone_head);
CREATE INDEX sales_by_day ON sales (day, id);
CREATE INDEX sales_by_reference ON sales (reference COLLATE NOCASE);
CREATE INDEX sales_by_amount ON sales (amount_cents);

CREATE TABLE attempt_events (
    id         INTEGER PRIMARY KEY,
    attempt_id INTEGER NOT NULL REFERENCES attempts (id),
    at_ms      INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    from_state TEXT    NOT NULL,
    to_state   TEXT    NOT NULL,
    details    TEXT    NOT NULL CHECK (json_valid(details)),
    hash       BLOB    NOT NULL CHECK (length(hash) = 32),
    FOREIGN KEY (from_state, to_state) REFERENCES legal_transitions (from_state, to_state)
) STRICT;

CREATE INDEX events_of_attempt ON attempt_events (attempt_id, id);
CREATE INDEX receipts_made ON attempt_events (attempt_id) WHERE kind = 'receipt';

-- What came from outside, sealed as it came. `digest` recognises a duplicate.
CREATE TABLE evidence (
    id             INTEGER PRIMARY KEY,
    attempt_id     INTEGER REFERENCES attempts (id),
    received_at_ms INTEGER NOT NULL,
    source         TEXT    NOT NULL CHECK (source IN ('callback', 'push', 'query')),
    verdict        TEXT    NOT NULL,
    digest         BLOB    NOT NULL,
    body_sealed    BLOB    NOT NULL
) STRICT;

CREATE INDEX evidence_of_attempt ON evidence (attempt_id);
CREATE UNIQUE INDEX evidence_once ON evidence (digest);

-- How far each relay's mailbox has been read: written together with the evidence it brought.
CREATE TABLE cursors (
    mailbox    TEXT    PRIMARY KEY,
    position   INTEGER NOT NULL,
    read_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE day_totals (
    day        TEXT    PRIMARY KEY,
    sales      INTEGER NOT NULL DEFAULT 0,
    paid_sales INTEGER NOT NULL DEFAULT 0,
    paid_cents INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TRIGGER sale_counts AFTER INSERT ON sales BEGIN
    INSERT INTO day_totals (day, sales) VALUES (NEW.day, 1) ON CONFLICT (day) DO UPDATE SET sales = sales + 1;
END;

CREATE TRIGGER attempt_is_last AFTER INSERT ON attempts BEGIN
    UPDATE sales SET last_attempt_id = NEW.id WHERE id = NEW.sale_id;
END;

CREATE TRIGGER attempt_starts_ready BEFORE INSERT ON attempts WHEN NEW.state <> 'ready' BEGIN
    SELECT RAISE(ABORT, 'an attempt starts ready');
END;

CREATE TRIGGER event_fits_state BEFORE INSERT ON attempt_events
WHEN NEW.from_state IS NOT (SELECT state FROM attempts WHERE id = NEW.attempt_id) BEGIN
    SELECT RAISE(ABORT, 'the event does not start from the attempt''s state');
END;

CREATE TRIGGER event_moves_state AFTER INSERT ON attempt_events WHEN NEW.from_state <> NEW.to_state BEGIN
    UPDATE attempts SET state = NEW.to_state WHERE id = NEW.attempt_id;
END;

CREATE TRIGGER state_moves_by_event BEFORE UPDATE OF state ON attempts
WHEN OLD.state <> NEW.state AND NEW.state IS NOT
     (SELECT to_state FROM attempt_events WHERE attempt_id = NEW.id ORDER BY id DESC LIMIT 1) BEGIN
    SELECT RAISE(ABORT, 'a state changes by an event only');
END;

CREATE TRIGGER paid_counts AFTER UPDATE OF state ON attempts WHEN NEW.state = 'paid' AND OLD.state <> 'paid' BEGIN
    UPDATE day_totals SET
        paid_cents = paid_cents + NEW.amount_cents,
        paid_sales = paid_sales + (SELECT received_cents = 0 FROM sales WHERE id = NEW.sale_id)
    WHERE day = (SELECT day FROM sales WHERE id = NEW.sale_id);
    UPDATE sales SET received_cents = received_cents + NEW.amount_cents WHERE id = NEW.sale_id;
END;

CREATE TRIGGER event_voids_sale AFTER INSERT ON attempt_events WHEN NEW.kind = 'voided' BEGIN
    UPDATE sales SET is_voided = 1 WHERE id = (SELECT sale_id FROM attempts WHERE id = NEW.attempt_id);
END;

CREATE TRIGGER sale_is_voided_by_event BEFORE UPDATE OF is_voided ON sales
WHEN NOT EXISTS (SELECT 1 FROM attempt_events e JOIN attempts a ON a.id = e.attempt_id
                 WHERE a.sale_id = NEW.id AND e.kind = 'voided') BEGIN
    SELECT RAISE(ABORT, 'a sale is voided by an event only');
END;

CREATE TRIGGER events_stay_unchanged BEFORE UPDATE ON attempt_events BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;
CREATE TRIGGER events_stay BEFORE DELETE ON attempt_events BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;
CREATE TRIGGER evidence_stays_unchanged BEFORE UPDATE ON evidence BEGIN
    SELECT RAISE(ABORT, 'evidence is append-only');
END;
CREATE TRIGGER evidence_stays BEFORE DELETE ON evidence BEGIN
    SELECT RAISE(ABORT, 'evidence is append-only');
END;
CREATE TRIGGER sales_stay BEFORE DELETE ON sales BEGIN
    SELECT RAISE(ABORT, 'sales are never deleted');
END;
CREATE TRIGGER attempts_stay BEFORE DELETE ON attempts BEGIN
    SELECT RAISE(ABORT, 'attempts are never deleted');
END;
CREATE TRIGGER sale_amount_stays BEFORE UPDATE OF amount_cents, reference, day, created_at_ms, cashier, till_label ON sales BEGIN
    SELECT RAISE(ABORT, 'what was sold does not change');
END;
CREATE TRIGGER attempt_amount_stays BEFORE UPDATE OF amount_cents, sale_id, token_hash, phone_sealed ON attempts BEGIN
    SELECT RAISE(ABORT, 'what was asked for does not change');
END;
