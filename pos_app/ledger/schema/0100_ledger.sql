-- The ledger, second edition. A sale owns tenders; a tender is a prompt, with one attempt as its detail, or a part of an
-- M-PESA transaction; a transaction is one row for each code, whatever brought it. One chain of events over all of them.
--
-- Money is whole cents, instants are milliseconds since 1970, days are business days in East Africa Time. The domain's
-- rules are held here a second time. A change is written in this order: its event, then the rows, which name it in
-- `event_id`.

-- Which ledger this is: `environment`, `ledger` (a random name), `key` (sealed by the key that belongs to it).
CREATE TABLE ledger_facts (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Sets that grow. A test holds them equal to the program's.
CREATE TABLE tender_kinds (
    kind TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
INSERT INTO tender_kinds VALUES ('stk'), ('c2b');

CREATE TABLE event_kinds (
    subject TEXT NOT NULL,
    kind    TEXT NOT NULL,
    PRIMARY KEY (subject, kind)
) STRICT, WITHOUT ROWID;
INSERT INTO event_kinds VALUES
    ('sale', 'made'), ('sale', 'voided'), ('sale', 'receipt'),
    ('attempt', 'requested'), ('attempt', 'sending'), ('attempt', 'accepted'), ('attempt', 'not_sent'),
    ('attempt', 'refused'), ('attempt', 'lost'), ('attempt', 'restarted'), ('attempt', 'deadline'), ('attempt', 'query'),
    ('attempt', 'callback'), ('attempt', 'callback_unclear'), ('attempt', 'heard_received'),
    ('attempt', 'heard_given_back'), ('attempt', 'twin'), ('attempt', 'confirmed_otherwise'), ('attempt', 'too_much'),
    ('attempt', 'too_much_given_back'), ('attempt', 'used_elsewhere'), ('attempt', 'given_up'),
    ('attempt', 'withdrawn'), ('attempt', 'claimed'), ('attempt', 'code_freed'), ('attempt', 'review_settled'),
    ('mpesa_transaction', 'arrived'), ('mpesa_transaction', 'paid'), ('mpesa_transaction', 'code_followed'),
    ('mpesa_transaction', 'merged'), ('mpesa_transaction', 'confirmed'), ('mpesa_transaction', 'allocated'),
    ('mpesa_transaction', 'deallocated'), ('mpesa_transaction', 'proved'), ('mpesa_transaction', 'reserved_elsewhere'),
    ('mpesa_transaction', 'given_back');

-- An attempt's state, and the state of its tender that follows from it.
CREATE TABLE attempt_states (
    state        TEXT NOT NULL UNIQUE,
    tender_state TEXT NOT NULL CHECK (tender_state IN ('pending', 'received', 'failed')),
    PRIMARY KEY (state, tender_state)
) STRICT, WITHOUT ROWID;
INSERT INTO attempt_states VALUES
    ('ready', 'pending'), ('sending', 'pending'), ('pending', 'pending'), ('unknown', 'pending'), ('paid', 'received'),
    ('declined', 'failed'), ('rejected', 'failed'), ('abandoned', 'failed'), ('withdrawn', 'failed');

-- Every change of an attempt's state there is; what changes none is an event as well. Other subjects have no states.
CREATE TABLE legal_transitions (
    subject    TEXT NOT NULL,
    from_state TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    PRIMARY KEY (subject, from_state, to_state)
) STRICT, WITHOUT ROWID;
INSERT INTO legal_transitions VALUES
    ('sale', '', ''), ('mpesa_transaction', '', ''),
    ('attempt', '', 'ready'),
    ('attempt', 'ready', 'sending'), ('attempt', 'ready', 'withdrawn'), ('attempt', 'sending', 'ready'),
    ('attempt', 'sending', 'pending'), ('attempt', 'sending', 'rejected'), ('attempt', 'sending', 'unknown'),
    ('attempt', 'sending', 'paid'), ('attempt', 'sending', 'declined'), ('attempt', 'pending', 'paid'),
    ('attempt', 'pending', 'declined'), ('attempt', 'pending', 'unknown'), ('attempt', 'unknown', 'pending'),
    ('attempt', 'unknown', 'paid'), ('attempt', 'unknown', 'declined'), ('attempt', 'unknown', 'abandoned'),
    ('attempt', 'declined', 'paid'), ('attempt', 'rejected', 'paid'), ('attempt', 'abandoned', 'paid');
INSERT INTO legal_transitions SELECT 'attempt', state, state FROM attempt_states;

CREATE TABLE ledger_events (
    id         INTEGER PRIMARY KEY,
    subject    TEXT    NOT NULL,
    subject_id INTEGER NOT NULL,
    sale_id    INTEGER REFERENCES sales (id) DEFERRABLE INITIALLY DEFERRED,   -- whose history shows it
    at_ms      INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    actor      TEXT    NOT NULL,
    from_state TEXT    NOT NULL,
    to_state   TEXT    NOT NULL,
    details    TEXT    NOT NULL CHECK (json_valid(details)),
    hash       BLOB    NOT NULL CHECK (length(hash) = 32),
    FOREIGN KEY (subject, kind) REFERENCES event_kinds (subject, kind),
    FOREIGN KEY (subject, from_state, to_state) REFERENCES legal_transitions (subject, from_state, to_state)
) STRICT;
CREATE INDEX events_of_sale ON ledger_events (sale_id, id) WHERE sale_id IS NOT NULL;
CREATE INDEX events_of_heard_money ON ledger_events (json_extract(details, '$.mpesa_code')) WHERE kind = 'heard_received';

CREATE TABLE sales (
    id              INTEGER PRIMARY KEY,
    reference       TEXT    NOT NULL COLLATE NOCASE CHECK (length(reference) BETWEEN 1 AND 12),
    total_cents     INTEGER NOT NULL CHECK (total_cents > 0),
    day             TEXT    NOT NULL CHECK (day GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
    made_at_ms      INTEGER NOT NULL,
    cashier         TEXT    NOT NULL DEFAULT '',
    till_label      TEXT    NOT NULL DEFAULT '',
    is_voided       INTEGER NOT NULL DEFAULT 0 CHECK (is_voided IN (0, 1)),
    has_receipt     INTEGER NOT NULL DEFAULT 0 CHECK (has_receipt IN (0, 1)),
    -- kept by the triggers on tenders and attempts: pages and filters read these and join nothing
    received_cents  INTEGER NOT NULL DEFAULT 0 CHECK (received_cents >= 0),
    last_attempt_id INTEGER REFERENCES stk_attempts (id) DEFERRABLE INITIALLY DEFERRED,
    event_id        INTEGER NOT NULL REFERENCES ledger_events (id)
) STRICT;
CREATE INDEX sales_by_day ON sales (day, id);
CREATE INDEX sales_by_reference ON sales (reference);
CREATE INDEX sales_by_total ON sales (total_cents);

-- Money that moved at M-PESA. Without a code: queries alone have proved it, the code is still to follow.
CREATE TABLE mpesa_transactions (
    id              INTEGER PRIMARY KEY,
    mpesa_code      TEXT    UNIQUE CHECK (mpesa_code <> ''),
    amount_cents    INTEGER NOT NULL CHECK (amount_cents > 0),
    heard_at_ms     INTEGER NOT NULL,
    -- of a payment that was confirmed as one to the shop's number: how much (where a prompt was paid with another amount
    -- a person has to look), M-PESA's time, and what is known of who paid
    confirmed_at_ms INTEGER,
    confirmed_cents INTEGER CHECK (confirmed_cents > 0),
    day             TEXT    CHECK (day GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
    paid_at_ms      INTEGER,
    phone_last3     TEXT,
    payer_sealed    BLOB,                      -- first name and account: what customers type there may be their phone
    reservation     BLOB    CHECK (length(reservation) = 32),
    evidence        BLOB    CHECK (length(evidence) = 32),
    -- kept by the triggers on tenders: what of it sales have
    allocated_cents INTEGER NOT NULL DEFAULT 0,
    reserved_by     TEXT    NOT NULL DEFAULT '',              -- another till of the shop has it
    is_reserved     INTEGER NOT NULL DEFAULT 0 CHECK (is_reserved IN (0, 1)),   -- the relay knows that it is this till's
    merged_into     INTEGER REFERENCES mpesa_transactions (id),
    event_id        INTEGER NOT NULL REFERENCES ledger_events (id),
    CHECK (allocated_cents BETWEEN 0 AND amount_cents),
    CHECK (reserved_by = '' OR allocated_cents = 0),
    CHECK (merged_into IS NULL OR (mpesa_code IS NULL AND allocated_cents = 0)),
    CHECK (confirmed_at_ms IS NULL OR (mpesa_code IS NOT NULL AND confirmed_cents IS NOT NULL AND day IS NOT NULL AND paid_at_ms IS NOT NULL
        AND phone_last3 IS NOT NULL AND payer_sealed IS NOT NULL AND reservation IS NOT NULL AND evidence IS NOT NULL))
) STRICT;
CREATE INDEX transactions_free ON mpesa_transactions (day)
    WHERE confirmed_at_ms IS NOT NULL AND reserved_by = '' AND allocated_cents = 0;
CREATE INDEX transactions_by_reservation ON mpesa_transactions (reservation) WHERE reservation IS NOT NULL;
CREATE INDEX transactions_without_code ON mpesa_transactions (id) WHERE mpesa_code IS NULL AND merged_into IS NULL;
CREATE INDEX transactions_heard ON mpesa_transactions (heard_at_ms) WHERE mpesa_code IS NOT NULL;

-- One way in which a part of a sale is paid.
CREATE TABLE tenders (
    id             INTEGER PRIMARY KEY,
    sale_id        INTEGER NOT NULL REFERENCES sales (id),
    kind           TEXT    NOT NULL REFERENCES tender_kinds (kind),
    amount_cents   INTEGER NOT NULL CHECK (amount_cents > 0),
    state          TEXT    NOT NULL CHECK (state IN ('pending', 'received', 'failed', 'released')),
    made_at_ms     INTEGER NOT NULL,
    transaction_id INTEGER REFERENCES mpesa_transactions (id),
    event_id       INTEGER NOT NULL REFERENCES ledger_events (id),
    CHECK (kind = 'stk' OR state IN ('received', 'released')),
    CHECK (state NOT IN ('received', 'released') OR transaction_id IS NOT NULL),
    UNIQUE (id, state)
) STRICT;
CREATE INDEX tenders_of_sale ON tenders (sale_id);
CREATE INDEX tenders_of_transaction ON tenders (transaction_id) WHERE transaction_id IS NOT NULL;
CREATE UNIQUE INDEX one_live_prompt ON tenders (sale_id) WHERE state = 'pending';

-- The detail of a tender that is a prompt.
CREATE TABLE stk_attempts (
    id                  INTEGER PRIMARY KEY,
    tender_id           INTEGER NOT NULL UNIQUE REFERENCES tenders (id),
    state               TEXT    NOT NULL,
    tender_state        TEXT    NOT NULL,
    phone_head          TEXT    NOT NULL CHECK (length(phone_head) = 4),
    phone_last3         TEXT    NOT NULL CHECK (length(phone_last3) = 3),
    phone_index         BLOB    NOT NULL,      -- blind: finds a number by its last digits
    phone_sealed        BLOB    NOT NULL,
    token_hash          BLOB    NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    merchant_request_id TEXT,
    checkout_request_id TEXT,
    heard_code          TEXT,
    heard_settled       INTEGER NOT NULL DEFAULT 0 CHECK (heard_settled IN (0, 1)),
    claimed_code        TEXT,
    outcome_kind        TEXT,
    outcome_code        TEXT,
    outcome_text        TEXT,
    outcome_is_final    INTEGER,
    outcome_may_turn    INTEGER,
    sent_at_ms          INTEGER,
    left_at_ms          INTEGER,
    settled_at_ms       INTEGER,
    said_paid_at_ms     INTEGER,
    said_by_callback    INTEGER NOT NULL DEFAULT 0 CHECK (said_by_callback IN (0, 1)),
    said_failed_at_ms   INTEGER,
    review              TEXT    NOT NULL DEFAULT '',
    -- when it was asked, and answered, is no evidence: these change without events
    asked_at_ms         INTEGER,
    asks                INTEGER NOT NULL DEFAULT 0,
    answered_at_ms      INTEGER,
    answers             INTEGER NOT NULL DEFAULT 0,
    event_id            INTEGER NOT NULL REFERENCES ledger_events (id),
    FOREIGN KEY (state, tender_state) REFERENCES attempt_states (state, tender_state),
    -- at the end of each change a prompt's tender stands as its attempt does
    FOREIGN KEY (tender_id, tender_state) REFERENCES tenders (id, state) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE UNIQUE INDEX one_sale_a_claim ON stk_attempts (claimed_code) WHERE claimed_code IS NOT NULL;
CREATE INDEX attempts_live ON stk_attempts (state) WHERE tender_state = 'pending';
CREATE INDEX attempts_for_review ON stk_attempts (id) WHERE review <> '';
CREATE INDEX attempts_by_phone ON stk_attempts (phone_index, sent_at_ms);
CREATE INDEX attempts_by_last3 ON stk_attempts (phone_last3);
CREATE INDEX attempts_by_head ON stk_attempts (phone_head);
CREATE INDEX attempts_by_heard ON stk_attempts (heard_code) WHERE heard_code IS NOT NULL;
CREATE INDEX attempts_never_answered ON stk_attempts (id) WHERE answers = 0 AND checkout_request_id IS NOT NULL
    AND state IN ('declined', 'abandoned', 'rejected');
CREATE INDEX attempts_said_paid ON stk_attempts (id) WHERE said_paid_at_ms IS NOT NULL AND state <> 'paid';
CREATE INDEX attempts_sent ON stk_attempts (sent_at_ms);
CREATE INDEX attempts_paid ON stk_attempts (settled_at_ms) WHERE state = 'paid';

-- What came from outside, sealed as it came. `digest` knows a duplicate, `token_digest` makes it checkable where no
-- attempt has the token, `part_digest` is that of the part which was kept of a stranger's message.
CREATE TABLE evidence (
    id             INTEGER PRIMARY KEY,
    attempt_id     INTEGER REFERENCES stk_attempts (id),
    received_at_ms INTEGER NOT NULL,
    verdict        TEXT    NOT NULL
        CHECK (verdict IN ('read', 'unreadable', 'unknown token', 'payment', 'unreadable payment')),
    digest         BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),
    token_digest   BLOB    NOT NULL,           -- as it came: a relay may send anything
    part_digest    BLOB    CHECK (length(part_digest) = 32),
    body_sealed    BLOB    NOT NULL
) STRICT;
CREATE INDEX evidence_of_nobody ON evidence (id) WHERE attempt_id IS NULL AND verdict <> 'payment';

-- What a person did about a message that belongs to no payment.
CREATE TABLE settled_messages (
    evidence_id INTEGER PRIMARY KEY REFERENCES evidence (id),
    at_ms       INTEGER NOT NULL,
    settled_by  TEXT    NOT NULL,
    reason      TEXT    NOT NULL
) STRICT;

-- How much strangers left here on a day: they can crowd out each other, and nobody else.
CREATE TABLE strangers (
    day     TEXT    PRIMARY KEY,
    kept    INTEGER NOT NULL DEFAULT 0,
    bytes   INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- How far each relay's mailbox has been read: written together with the evidence it brought. A mailbox has a name of its
-- own, and its last message a mark: one that was set up afresh under the old address is another.
CREATE TABLE cursors (
    mailbox    TEXT    PRIMARY KEY,
    position   INTEGER NOT NULL,
    mark       TEXT    NOT NULL DEFAULT '',
    identity   TEXT    NOT NULL DEFAULT '',
    read_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE day_totals (
    day        TEXT    PRIMARY KEY,
    sales      INTEGER NOT NULL DEFAULT 0,
    paid_sales INTEGER NOT NULL DEFAULT 0,
    paid_cents INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Events

CREATE TRIGGER event_is_next BEFORE INSERT ON ledger_events
WHEN NEW.id IS NOT coalesce((SELECT max(id) FROM ledger_events), 0) + 1 BEGIN
    SELECT RAISE(ABORT, 'events have no gaps');
END;
CREATE TRIGGER event_fits_attempt BEFORE INSERT ON ledger_events
WHEN NEW.subject = 'attempt'
    AND NEW.from_state IS NOT coalesce((SELECT state FROM stk_attempts WHERE id = NEW.subject_id), '') BEGIN
    SELECT RAISE(ABORT, 'the event does not start from the attempt''s state');
END;
CREATE TRIGGER events_stay_unchanged BEFORE UPDATE ON ledger_events BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;
CREATE TRIGGER events_stay BEFORE DELETE ON ledger_events BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;

-- Rows come and change by an event of their own, which is the newest there is: nobody changes a row by an old one.

CREATE TRIGGER sale_comes BEFORE INSERT ON sales
WHEN NEW.is_voided OR NEW.has_receipt OR NEW.received_cents <> 0 OR NEW.last_attempt_id IS NOT NULL
    OR NEW.event_id IS NOT (SELECT max(id) FROM ledger_events) OR NOT EXISTS
    (SELECT 1 FROM ledger_events WHERE id = NEW.event_id AND subject = 'sale' AND subject_id = NEW.id AND kind = 'made') BEGIN
    SELECT RAISE(ABORT, 'a sale begins by an event, with nothing received');
END;
CREATE TRIGGER sale_changes BEFORE UPDATE OF is_voided, has_receipt, event_id ON sales
WHEN NEW.event_id IS NOT (SELECT max(id) FROM ledger_events) OR NEW.is_voided < OLD.is_voided
    OR NEW.has_receipt < OLD.has_receipt OR NOT EXISTS
    (SELECT 1 FROM ledger_events WHERE id = NEW.event_id AND subject = 'sale' AND subject_id = NEW.id
     AND kind = CASE WHEN NEW.is_voided > OLD.is_voided THEN 'voided' ELSE 'receipt' END) BEGIN
    SELECT RAISE(ABORT, 'a sale changes by an event only');
END;
CREATE TRIGGER attempt_comes BEFORE INSERT ON stk_attempts
WHEN NEW.state <> 'ready' OR NEW.event_id IS NOT (SELECT max(id) FROM ledger_events) OR NOT EXISTS
    (SELECT 1 FROM ledger_events WHERE id = NEW.event_id AND subject = 'attempt' AND subject_id = NEW.id
     AND kind = 'requested' AND json_extract(details, '$.tender') = NEW.tender_id) BEGIN
    SELECT RAISE(ABORT, 'an attempt starts ready, by an event');
END;
CREATE TRIGGER attempt_changes BEFORE UPDATE OF state, merchant_request_id, checkout_request_id, heard_code, heard_settled,
    claimed_code, outcome_kind, outcome_code, outcome_text, outcome_is_final, outcome_may_turn, sent_at_ms, left_at_ms,
    settled_at_ms, said_paid_at_ms, said_by_callback, said_failed_at_ms, review, event_id ON stk_attempts
WHEN NEW.event_id IS NOT (SELECT max(id) FROM ledger_events) OR NOT EXISTS (SELECT 1 FROM ledger_events
    WHERE id = NEW.event_id AND subject = 'attempt' AND subject_id = NEW.id AND from_state = OLD.state
    AND to_state = NEW.state) BEGIN
    SELECT RAISE(ABORT, 'an attempt changes by an event only');
END;
CREATE TRIGGER transaction_comes BEFORE INSERT ON mpesa_transactions
WHEN NEW.allocated_cents <> 0 OR NEW.reserved_by <> '' OR NEW.is_reserved OR NEW.merged_into IS NOT NULL
    OR NEW.event_id IS NOT (SELECT max(id) FROM ledger_events) OR NOT EXISTS
    (SELECT 1 FROM ledger_events WHERE id = NEW.event_id AND subject = 'mpesa_transaction' AND subject_id = NEW.id
     AND kind = CASE WHEN NEW.confirmed_at_ms IS NULL THEN 'paid' ELSE 'arrived' END) BEGIN
    SELECT RAISE(ABORT, 'a transaction comes by an event, as no sale''s');
END;
CREATE TRIGGER transaction_changes BEFORE UPDATE OF mpesa_code, amount_cents, confirmed_at_ms, confirmed_cents, day, paid_at_ms,
    phone_last3, payer_sealed, reservation, evidence, reserved_by, merged_into, event_id ON mpesa_transactions
WHEN NEW.event_id IS NOT (SELECT max(id) FROM ledger_events) OR NOT EXISTS (SELECT 1 FROM ledger_events
    WHERE id = NEW.event_id AND subject = 'mpesa_transaction' AND subject_id = NEW.id) BEGIN
    SELECT RAISE(ABORT, 'a transaction changes by an event only');
END;
CREATE TRIGGER transaction_stays_as_it_came BEFORE UPDATE ON mpesa_transactions
WHEN NEW.heard_at_ms <> OLD.heard_at_ms OR (OLD.mpesa_code IS NOT NULL AND NEW.mpesa_code IS NOT OLD.mpesa_code)
    OR (OLD.merged_into IS NOT NULL AND NEW.merged_into IS NOT OLD.merged_into)
    OR (NEW.amount_cents <> OLD.amount_cents
        AND 'proved' IS NOT (SELECT kind FROM ledger_events WHERE id = NEW.event_id))
    OR (OLD.confirmed_at_ms IS NOT NULL AND (NEW.confirmed_at_ms, NEW.confirmed_cents, NEW.day, NEW.paid_at_ms,
        NEW.phone_last3, NEW.payer_sealed, NEW.reservation, NEW.evidence) IS NOT (OLD.confirmed_at_ms,
        OLD.confirmed_cents, OLD.day, OLD.paid_at_ms, OLD.phone_last3, OLD.payer_sealed, OLD.reservation, OLD.evidence)) BEGIN
    SELECT RAISE(ABORT, 'what was paid does not change');
END;
CREATE TRIGGER tender_comes BEFORE INSERT ON tenders
WHEN NEW.event_id IS NOT (SELECT max(id) FROM ledger_events)
    OR NEW.state <> CASE NEW.kind WHEN 'stk' THEN 'pending' ELSE 'received' END
    OR (SELECT is_voided FROM sales WHERE id = NEW.sale_id) OR NOT EXISTS
    (SELECT 1 FROM ledger_events WHERE id = NEW.event_id AND sale_id = NEW.sale_id
     AND json_extract(details, '$.tender') = NEW.id AND json_extract(details, '$.amount_cents') = NEW.amount_cents
     AND CASE NEW.kind WHEN 'stk' THEN kind = 'requested' AND NEW.transaction_id IS NULL
         ELSE kind = 'allocated' AND subject_id = NEW.transaction_id END) BEGIN
    SELECT RAISE(ABORT, 'a tender begins by an event: a prompt asked for, a payment given');
END;
-- Asked once more, by a refusal that no OR IGNORE passes over: no shilling is two sales'.
CREATE TRIGGER tender_is_covered BEFORE INSERT ON tenders WHEN NEW.state = 'received' AND NOT EXISTS
    (SELECT 1 FROM mpesa_transactions m WHERE m.id = NEW.transaction_id AND m.reserved_by = '' AND m.merged_into IS NULL
     AND m.allocated_cents + NEW.amount_cents <= m.amount_cents) BEGIN
    SELECT RAISE(ABORT, 'a payment gives no more than it has');
END;
CREATE TRIGGER tender_stays_covered BEFORE UPDATE OF state, transaction_id ON tenders
WHEN NEW.state = 'received' AND (OLD.state <> 'received' OR NEW.transaction_id IS NOT OLD.transaction_id) AND NOT EXISTS
    (SELECT 1 FROM mpesa_transactions m WHERE m.id = NEW.transaction_id AND m.reserved_by = '' AND m.merged_into IS NULL
     AND m.allocated_cents + NEW.amount_cents <= m.amount_cents) BEGIN
    SELECT RAISE(ABORT, 'a payment gives no more than it has');
END;
CREATE TRIGGER tender_moves BEFORE UPDATE OF state, transaction_id, event_id ON tenders
WHEN NEW.event_id IS NOT (SELECT max(id) FROM ledger_events) OR NOT EXISTS
    (SELECT 1 FROM ledger_events WHERE id = NEW.event_id AND sale_id = NEW.sale_id AND CASE NEW.state
        WHEN 'received' THEN OLD.state IN ('pending', 'failed', 'received') AND NEW.kind = 'stk'
            AND kind IN ('paid', 'proved') AND subject_id = NEW.transaction_id AND json_extract(details, '$.tender') = NEW.id
        WHEN 'failed' THEN OLD.state IN ('pending', 'failed') AND subject = 'attempt' AND NEW.transaction_id IS NULL
        WHEN 'released' THEN OLD.state = 'received' AND NEW.kind <> 'stk' AND subject_id = NEW.transaction_id
            AND NEW.id = CASE kind WHEN 'deallocated' THEN json_extract(details, '$.tender')
                                   WHEN 'proved' THEN json_extract(details, '$.released') END
        ELSE 0 END) BEGIN
    SELECT RAISE(ABORT, 'no such change of a tender');
END;

-- What never changes, and what never goes

CREATE TRIGGER sale_stays_what_it_is BEFORE UPDATE OF id, reference, total_cents, day, made_at_ms, cashier, till_label ON sales
BEGIN SELECT RAISE(ABORT, 'what was sold does not change'); END;
CREATE TRIGGER tender_stays_what_it_is BEFORE UPDATE OF id, sale_id, kind, amount_cents, made_at_ms ON tenders
BEGIN SELECT RAISE(ABORT, 'what was asked for does not change'); END;
CREATE TRIGGER attempt_stays_what_it_is BEFORE UPDATE OF id, tender_id, token_hash, phone_head, phone_last3, phone_index,
    phone_sealed ON stk_attempts
BEGIN SELECT RAISE(ABORT, 'what was asked for does not change'); END;
CREATE TRIGGER evidence_comes_once BEFORE INSERT ON evidence
WHEN EXISTS (SELECT 1 FROM evidence WHERE id = NEW.id OR digest = NEW.digest) BEGIN
    SELECT RAISE(ABORT, 'evidence is append-only');
END;
CREATE TRIGGER settled_messages_come_once BEFORE INSERT ON settled_messages
WHEN EXISTS (SELECT 1 FROM settled_messages WHERE evidence_id = NEW.evidence_id) BEGIN
    SELECT RAISE(ABORT, 'what was settled stays');
END;
CREATE TRIGGER evidence_stays_unchanged BEFORE UPDATE ON evidence BEGIN
    SELECT RAISE(ABORT, 'evidence is append-only');
END;
CREATE TRIGGER settled_messages_stay_unchanged BEFORE UPDATE ON settled_messages BEGIN
    SELECT RAISE(ABORT, 'what was settled stays');
END;
CREATE TRIGGER evidence_stays BEFORE DELETE ON evidence BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END;
CREATE TRIGGER settled_messages_stay BEFORE DELETE ON settled_messages BEGIN SELECT RAISE(ABORT, 'what was settled stays'); END;
CREATE TRIGGER sales_stay BEFORE DELETE ON sales BEGIN SELECT RAISE(ABORT, 'sales are never deleted'); END;
CREATE TRIGGER tenders_stay BEFORE DELETE ON tenders BEGIN SELECT RAISE(ABORT, 'tenders are never deleted'); END;
CREATE TRIGGER attempts_stay BEFORE DELETE ON stk_attempts BEGIN SELECT RAISE(ABORT, 'attempts are never deleted'); END;
CREATE TRIGGER transactions_stay BEFORE DELETE ON mpesa_transactions BEGIN
    SELECT RAISE(ABORT, 'transactions are never deleted');
END;

-- Sums: worked out anew from the rows under them, so they cannot drift

CREATE TRIGGER sale_counts AFTER INSERT ON sales BEGIN
    INSERT INTO day_totals (day, sales) VALUES (NEW.day, 1) ON CONFLICT (day) DO UPDATE SET sales = sales + 1;
END;
CREATE TRIGGER attempt_is_last AFTER INSERT ON stk_attempts BEGIN
    UPDATE sales SET last_attempt_id = NEW.id WHERE id = (SELECT sale_id FROM tenders WHERE id = NEW.tender_id);
END;
CREATE TRIGGER tender_counts AFTER INSERT ON tenders WHEN NEW.state = 'received' BEGIN
    UPDATE sales SET received_cents = (SELECT sum(amount_cents) FROM tenders WHERE sale_id = NEW.sale_id
        AND state = 'received') WHERE id = NEW.sale_id;
    UPDATE mpesa_transactions SET allocated_cents = (SELECT sum(amount_cents) FROM tenders
        WHERE transaction_id = NEW.transaction_id AND state = 'received') WHERE id = NEW.transaction_id;
END;
CREATE TRIGGER tender_counts_anew AFTER UPDATE OF state, transaction_id ON tenders
WHEN (OLD.state = 'received') <> (NEW.state = 'received') OR OLD.transaction_id IS NOT NEW.transaction_id BEGIN
    UPDATE sales SET received_cents = (SELECT coalesce(sum(amount_cents), 0) FROM tenders WHERE sale_id = NEW.sale_id
        AND state = 'received') WHERE id = NEW.sale_id;
    UPDATE mpesa_transactions SET allocated_cents = (SELECT coalesce(sum(amount_cents), 0) FROM tenders
        WHERE transaction_id = mpesa_transactions.id AND state = 'received')
    WHERE id IN (OLD.transaction_id, NEW.transaction_id);
END;
CREATE TRIGGER sale_sums_to_its_day AFTER UPDATE OF received_cents ON sales WHEN NEW.received_cents <> OLD.received_cents BEGIN
    UPDATE day_totals SET
        paid_cents = paid_cents + NEW.received_cents - OLD.received_cents,
        paid_sales = paid_sales + (NEW.received_cents >= NEW.total_cents) - (OLD.received_cents >= OLD.total_cents)
    WHERE day = NEW.day;
END;
CREATE TRIGGER received_is_summed BEFORE UPDATE OF received_cents ON sales
WHEN NEW.received_cents <> (SELECT coalesce(sum(amount_cents), 0) FROM tenders WHERE sale_id = NEW.id AND state = 'received') BEGIN
    SELECT RAISE(ABORT, 'what was received is the sum of the tenders');
END;
CREATE TRIGGER allocated_is_summed BEFORE UPDATE OF allocated_cents ON mpesa_transactions
WHEN NEW.allocated_cents <> (SELECT coalesce(sum(amount_cents), 0) FROM tenders WHERE transaction_id = NEW.id
    AND state = 'received') BEGIN
    SELECT RAISE(ABORT, 'what was allocated is the sum of the tenders');
END;

-- What the schema itself says
CREATE TRIGGER ledger_facts_come_once BEFORE INSERT ON ledger_facts
WHEN EXISTS (SELECT 1 FROM ledger_facts WHERE name = NEW.name) BEGIN
    SELECT RAISE(ABORT, 'which ledger this is does not change');
END;
CREATE TRIGGER ledger_facts_stay_unchanged BEFORE UPDATE ON ledger_facts BEGIN SELECT RAISE(ABORT, 'which ledger this is does not change'); END;
CREATE TRIGGER ledger_facts_stay BEFORE DELETE ON ledger_facts BEGIN SELECT RAISE(ABORT, 'which ledger this is does not change'); END;
CREATE TRIGGER tender_kinds_come_by_migrations BEFORE INSERT ON tender_kinds BEGIN SELECT RAISE(ABORT, 'what there is does not change'); END;
CREATE TRIGGER tender_kinds_stay_unchanged BEFORE UPDATE ON tender_kinds BEGIN SELECT RAISE(ABORT, 'what there is does not change'); END;
CREATE TRIGGER tender_kinds_stay BEFORE DELETE ON tender_kinds BEGIN SELECT RAISE(ABORT, 'what there is does not change'); END;
CREATE TRIGGER event_kinds_come_by_migrations BEFORE INSERT ON event_kinds BEGIN SELECT RAISE(ABORT, 'what there is does not change'); END;
CREATE TRIGGER event_kinds_stay_unchanged BEFORE UPDATE ON event_kinds BEGIN SELECT RAISE(ABORT, 'what there is does not change'); END;
CREATE TRIGGER event_kinds_stay BEFORE DELETE ON event_kinds BEGIN SELECT RAISE(ABORT, 'what there is does not change'); END;
CREATE TRIGGER attempt_states_come_by_migrations BEFORE INSERT ON attempt_states BEGIN SELECT RAISE(ABORT, 'what there is does not change'); END;
CREATE TRIGGER attempt_states_stay_unchanged BEFORE UPDATE ON attempt_states BEGIN SELECT RAISE(ABORT, 'what there is does not change'); END;
CREATE TRIGGER attempt_states_stay BEFORE DELETE ON attempt_states BEGIN SELECT RAISE(ABORT, 'what there is does not change'); END;
CREATE TRIGGER legal_transitions_come_by_migrations BEFORE INSERT ON legal_transitions BEGIN SELECT RAISE(ABORT, 'what there is does not change'); END;
CREATE TRIGGER legal_transitions_stay_unchanged BEFORE UPDATE ON legal_transitions BEGIN SELECT RAISE(ABORT, 'what there is does not change'); END;
CREATE TRIGGER legal_transitions_stay BEFORE DELETE ON legal_transitions BEGIN SELECT RAISE(ABORT, 'what there is does not change'); END;
