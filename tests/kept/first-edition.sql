-- A ledger of the first edition (its fourth and last schema): a sale that was paid, a prompt that is still open, and a
-- payment that no sale has. Kept as it was written.
PRAGMA application_id = 1347375921;
PRAGMA user_version = 4;
BEGIN TRANSACTION;
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
INSERT INTO "attempt_events" VALUES(1,1,1795000001000,'requested','ready','ready','{"amount_cents":125000,"cashier":"Asha","created_at_ms":1795000001000,"day":"2026-11-18","phone":"0712•••678","phone_sealed":"4d40107e3a0605d53a66288bc40e22da84a2641bae492f23e7598597c1de28cd","reference":"A0001","sale":1,"sold_at_ms":1795000001000,"till_label":"Till 1","token":"3f08aace122ee2368432c1ca23a049bc640bafbf00fdf33a52429f38ba12dbf9"}',X'09CB1A5DF73FCCF31D0EEE85AB3B55B84D3889E778A9B2C9CD29A384086C40E0');
INSERT INTO "attempt_events" VALUES(2,1,1795000001100,'sending','ready','sending','{"set":{"sent_at_ms":1795000001100}}',X'345F182ED9AB1978555E908BF83C507F335087360399499C4243897F7E13A02E');
INSERT INTO "attempt_events" VALUES(3,1,1795000001300,'accepted','sending','pending','{"checkout_request_id":"ws-1","merchant_request_id":"m-1","set":{"checkout_request_id":"ws-1","left_at_ms":1795000001200,"merchant_request_id":"m-1"}}',X'713C9B84EC492576BCE58D885392F0FB4258CE375ACAD5867529F13F800887C3');
INSERT INTO "attempt_events" VALUES(4,1,1795000009000,'callback','pending','paid','{"amount_cents":125000,"checkout_request_id":"ws-1","code":"0","evidence":"54b22ee5ae6ca7b642703d91200728930030337c6fb0a660235e9077aba60c9e","merchant_request_id":"m-1","mpesa_code":"TKN7RT61SV","outcome":"paid","set":{"mpesa_code":"TKN7RT61SV","outcome_code":"0","outcome_is_final":1,"outcome_kind":"paid","outcome_may_turn":0,"outcome_text":"","settled_at_ms":1795000009000},"text":""}',X'623DA7865155874577486E1B1319A20EF664A036176A8AFF192CDA41BE0528D9');
INSERT INTO "attempt_events" VALUES(5,2,1795000002000,'requested','ready','ready','{"amount_cents":80000,"cashier":"Asha","created_at_ms":1795000002000,"day":"2026-11-18","phone":"0722•••678","phone_sealed":"b0ca2fa6954c669eaa3f4aadbb6c23e9e7d35106cd6a8e61f820b1374f65e9c9","reference":"A0002","sale":2,"sold_at_ms":1795000002000,"till_label":"Till 1","token":"0f6bffa9661cb5dd2f3f7b2929f33061f58a7ba7fdd689530b1a306f8ed8f3ec"}',X'769A4B163298CE169C91E34B2E2301FA983D72D43862921FEB602C3F60020652');
INSERT INTO "attempt_events" VALUES(6,2,1795000002100,'sending','ready','sending','{"set":{"sent_at_ms":1795000002100}}',X'3A498E98AF3F3EA6C79B57CF79C001ADD383D027117D6D709E80863AE13135C3');
INSERT INTO "attempt_events" VALUES(7,2,1795000002300,'accepted','sending','pending','{"checkout_request_id":"ws-2","merchant_request_id":"m-2","set":{"checkout_request_id":"ws-2","left_at_ms":1795000002200,"merchant_request_id":"m-2"}}',X'F37867CC404FAB92B016926CC9A34EE8A46DE66A7631F9E8070E64103C9B6C45');
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
    review              TEXT    NOT NULL DEFAULT '', left_at_ms INTEGER, heard_settled INTEGER NOT NULL DEFAULT 0 CHECK (heard_settled IN (0, 1)), said_by_callback INTEGER NOT NULL DEFAULT 0 CHECK (said_by_callback IN (0, 1)), answered_at_ms INTEGER, answers INTEGER NOT NULL DEFAULT 0, is_reserved INTEGER NOT NULL DEFAULT 0 CHECK (is_reserved IN (0, 1)),
    CHECK (mpesa_code IS NULL OR state = 'paid')
) STRICT;
INSERT INTO "attempts" VALUES(1,1,125000,'0712','678',X'616DA5D46808DAA7',X'1C1FBCA8DEA911F5DD95375FC62B75FDE01903C345F44B9D7090B19F0E3A5629B58C8CEC3245399B',X'3F08AACE122EE2368432C1CA23A049BC640BAFBF00FDF33A52429F38BA12DBF9','paid','m-1','ws-1','TKN7RT61SV',NULL,NULL,'paid','0','',1,0,1795000001000,1795000001100,1795000009000,NULL,0,NULL,NULL,'',1795000001200,0,0,NULL,0,0);
INSERT INTO "attempts" VALUES(2,2,80000,'0722','678',X'FAFB31A0657F0190',X'7F571A0BF56D03D172E37969AC6B98194A9768244D349AE324A07BB0FD5E2B10A7E10DB9BBF0D544',X'0F6BFFA9661CB5DD2F3F7B2929F33061F58A7BA7FDD689530B1A306F8ED8F3EC','pending','m-2','ws-2',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1795000002000,1795000002100,NULL,NULL,0,NULL,NULL,'',1795000002200,0,0,NULL,0,0);
CREATE TABLE cursors (
    mailbox    TEXT    PRIMARY KEY,
    position   INTEGER NOT NULL,
    read_at_ms INTEGER NOT NULL
, mark TEXT NOT NULL DEFAULT '', identity TEXT NOT NULL DEFAULT '') STRICT, WITHOUT ROWID;
INSERT INTO "cursors" VALUES('relay#till-1',2,1795000004000,'','');
CREATE TABLE day_totals (
    day        TEXT    PRIMARY KEY,
    sales      INTEGER NOT NULL DEFAULT 0,
    paid_sales INTEGER NOT NULL DEFAULT 0,
    paid_cents INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
INSERT INTO "day_totals" VALUES('2026-11-18',2,1,125000);
CREATE TABLE evidence (
    id             INTEGER PRIMARY KEY,
    attempt_id     INTEGER REFERENCES attempts (id),
    received_at_ms INTEGER NOT NULL,
    source         TEXT    NOT NULL CHECK (source IN ('callback', 'push', 'query')),
    verdict        TEXT    NOT NULL,
    digest         BLOB    NOT NULL,
    body_sealed    BLOB    NOT NULL
, token_digest BLOB, part_digest BLOB) STRICT;
INSERT INTO "evidence" VALUES(1,1,1795000009000,'callback','read',X'54B22EE5AE6CA7B642703D91200728930030337C6FB0A660235E9077ABA60C9E',X'8D909F62AA202E39E456A57E5AC4206EC07FE5270C179265A0B1887365B8C8597836D5ED1F7A',X'3F08AACE122EE2368432C1CA23A049BC640BAFBF00FDF33A52429F38BA12DBF9',NULL);
INSERT INTO "evidence" VALUES(2,NULL,1795000004000,'callback','payment',X'6708D6C227EB8F20202E7E3563F27652E480A2EDD11ABEB34E73C7F64EB1B3FF',X'8873B6AB4D0993168C6AAE5CD0A6050EF99E2ABF7528EDF0FC94B3BD44D296E3A4011771EC34F37ADBAE32479CD3F97CB16D71D65A',X'DF384AE97C77AD3001626AAB01F2EB2AAD176448109165DF1D64C57B7091CD1C',NULL);
CREATE TABLE facts (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "facts" VALUES('elsewhere_sealed','since version 4');
INSERT INTO "facts" VALUES('environment','practice');
INSERT INTO "facts" VALUES('key','42a3ab021cf152041d32e90f997ccf6ee6dd8758834c52904163d318571fb6896e4a0e');
INSERT INTO "facts" VALUES('ledger','ca298dcf2cb4ffa6');
CREATE TABLE legal_transitions (
    from_state TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    PRIMARY KEY (from_state, to_state)
) STRICT, WITHOUT ROWID;
INSERT INTO "legal_transitions" VALUES('abandoned','abandoned');
INSERT INTO "legal_transitions" VALUES('abandoned','paid');
INSERT INTO "legal_transitions" VALUES('declined','declined');
INSERT INTO "legal_transitions" VALUES('declined','paid');
INSERT INTO "legal_transitions" VALUES('paid','paid');
INSERT INTO "legal_transitions" VALUES('pending','declined');
INSERT INTO "legal_transitions" VALUES('pending','paid');
INSERT INTO "legal_transitions" VALUES('pending','pending');
INSERT INTO "legal_transitions" VALUES('pending','unknown');
INSERT INTO "legal_transitions" VALUES('ready','ready');
INSERT INTO "legal_transitions" VALUES('ready','sending');
INSERT INTO "legal_transitions" VALUES('ready','withdrawn');
INSERT INTO "legal_transitions" VALUES('rejected','paid');
INSERT INTO "legal_transitions" VALUES('rejected','rejected');
INSERT INTO "legal_transitions" VALUES('sending','declined');
INSERT INTO "legal_transitions" VALUES('sending','paid');
INSERT INTO "legal_transitions" VALUES('sending','pending');
INSERT INTO "legal_transitions" VALUES('sending','ready');
INSERT INTO "legal_transitions" VALUES('sending','rejected');
INSERT INTO "legal_transitions" VALUES('sending','sending');
INSERT INTO "legal_transitions" VALUES('sending','unknown');
INSERT INTO "legal_transitions" VALUES('unknown','abandoned');
INSERT INTO "legal_transitions" VALUES('unknown','declined');
INSERT INTO "legal_transitions" VALUES('unknown','paid');
INSERT INTO "legal_transitions" VALUES('unknown','pending');
INSERT INTO "legal_transitions" VALUES('unknown','unknown');
INSERT INTO "legal_transitions" VALUES('withdrawn','withdrawn');
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
INSERT INTO "sales" VALUES(1,'A0001',125000,125000,'2026-11-18',1795000001000,'Asha','Till 1',0,1);
INSERT INTO "sales" VALUES(2,'A0002',80000,0,'2026-11-18',1795000002000,'Asha','Till 1',0,2);
CREATE TABLE settled_strays (
    evidence_id INTEGER PRIMARY KEY REFERENCES evidence (id),
    at_ms       INTEGER NOT NULL,
    settled_by  TEXT    NOT NULL,
    reason      TEXT    NOT NULL
) STRICT;
CREATE TABLE strangers (
    day     TEXT    PRIMARY KEY,
    kept    INTEGER NOT NULL DEFAULT 0,
    bytes   INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE till_payments (
    id             INTEGER PRIMARY KEY,
    mpesa_code     TEXT    NOT NULL UNIQUE,
    amount_cents   INTEGER NOT NULL CHECK (amount_cents > 0),
    day            TEXT    NOT NULL CHECK (day GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
    paid_at_ms     INTEGER NOT NULL,
    received_at_ms INTEGER NOT NULL,
    phone_last3    TEXT    NOT NULL DEFAULT '',
    -- first name and account: what customers type there may be their phone
    payer_sealed   BLOB    NOT NULL,
    evidence       BLOB    NOT NULL CHECK (length(evidence) = 32),
    use            TEXT    NOT NULL DEFAULT '' CHECK (use IN ('', 'pays', 'proves', 'elsewhere')),
    sale_id        INTEGER REFERENCES sales (id),
    taken_by       TEXT    NOT NULL DEFAULT '', taken_sealed BLOB,
    CHECK ((sale_id IS NULL) = (use IN ('', 'elsewhere')))
) STRICT;
INSERT INTO "till_payments" VALUES(1,'TKN7RT61SW',25050,'2026-11-18',1795000003000,1795000004000,'123',X'9A2A5F5B314BDDDBB419A89B12E9A8A7C629A0E7F25AECE2EB78595FAEBDD06689BAEAA68658D46058D3FCB1F2',X'6708D6C227EB8F20202E7E3563F27652E480A2EDD11ABEB34E73C7F64EB1B3FF','',NULL,'',NULL);
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
CREATE INDEX events_of_attempt ON attempt_events (attempt_id, id);
CREATE INDEX receipts_made ON attempt_events (attempt_id) WHERE kind = 'receipt';
CREATE INDEX evidence_of_attempt ON evidence (attempt_id);
CREATE UNIQUE INDEX evidence_once ON evidence (digest);
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
CREATE INDEX payments_free ON till_payments (day) WHERE use = '';
CREATE INDEX payments_of_sale ON till_payments (sale_id) WHERE sale_id IS NOT NULL;
CREATE INDEX till_payment_events ON attempt_events (json_extract(details, '$.mpesa_code')) WHERE kind = 'till_payment';
CREATE TRIGGER payment_starts_free BEFORE INSERT ON till_payments WHEN NEW.use <> '' BEGIN
    SELECT RAISE(ABORT, 'a payment starts free');
END;
CREATE TRIGGER payment_is_used_by_event BEFORE UPDATE OF use ON till_payments
WHEN (OLD.use IN ('pays', 'proves') OR NEW.use IN ('pays', 'proves')) AND OLD.use <> NEW.use AND NEW.use IS NOT
     (SELECT json_extract(details, '$.use') FROM attempt_events
      WHERE kind = 'till_payment' AND json_extract(details, '$.mpesa_code') = NEW.mpesa_code ORDER BY id DESC LIMIT 1) BEGIN
    SELECT RAISE(ABORT, 'a payment is used by an event only');
END;
CREATE TRIGGER payments_stay BEFORE DELETE ON till_payments BEGIN
    SELECT RAISE(ABORT, 'payments are never deleted');
END;
CREATE TRIGGER payment_stays_as_it_came
BEFORE UPDATE OF mpesa_code, amount_cents, day, paid_at_ms, received_at_ms, phone_last3, payer_sealed, evidence
ON till_payments BEGIN
    SELECT RAISE(ABORT, 'what was paid does not change');
END;
CREATE INDEX evidence_strays ON evidence (id) WHERE attempt_id IS NULL AND verdict <> 'payment';
CREATE TRIGGER settled_strays_stay BEFORE DELETE ON settled_strays BEGIN
    SELECT RAISE(ABORT, 'what was settled stays');
END;
CREATE TRIGGER settled_strays_stay_unchanged BEFORE UPDATE ON settled_strays BEGIN
    SELECT RAISE(ABORT, 'what was settled stays');
END;
CREATE INDEX attempts_to_ask ON attempts (id) WHERE checkout_request_id IS NOT NULL
    AND (answers = 0 OR said_paid_at_ms IS NOT NULL) AND state IN ('declined', 'abandoned', 'rejected', 'paid');
CREATE INDEX attempts_by_heard ON attempts (heard_code) WHERE heard_code IS NOT NULL;
CREATE INDEX attempts_to_reserve ON attempts (settled_at_ms) WHERE mpesa_code IS NOT NULL AND NOT is_reserved;
CREATE TRIGGER paid_counts AFTER UPDATE OF state ON attempts WHEN NEW.state = 'paid' AND OLD.state <> 'paid' BEGIN
    UPDATE day_totals SET
        paid_cents = paid_cents + NEW.amount_cents,
        paid_sales = paid_sales + (SELECT received_cents < amount_cents AND received_cents + NEW.amount_cents >= amount_cents
                                   FROM sales WHERE id = NEW.sale_id)
    WHERE day = (SELECT day FROM sales WHERE id = NEW.sale_id);
    UPDATE sales SET received_cents = received_cents + NEW.amount_cents WHERE id = NEW.sale_id;
END;
CREATE TRIGGER payment_counts AFTER UPDATE OF use ON till_payments WHEN NEW.use = 'pays' AND OLD.use <> 'pays' BEGIN
    UPDATE day_totals SET
        paid_cents = paid_cents + NEW.amount_cents,
        paid_sales = paid_sales + (SELECT received_cents < amount_cents AND received_cents + NEW.amount_cents >= amount_cents
                                   FROM sales WHERE id = NEW.sale_id)
    WHERE day = (SELECT day FROM sales WHERE id = NEW.sale_id);
    UPDATE sales SET received_cents = received_cents + NEW.amount_cents WHERE id = NEW.sale_id;
END;
CREATE TRIGGER payment_counts_no_more AFTER UPDATE OF use ON till_payments
WHEN OLD.use = 'pays' AND NEW.use <> 'pays' BEGIN
    UPDATE day_totals SET
        paid_cents = paid_cents - NEW.amount_cents,
        paid_sales = paid_sales - (SELECT received_cents >= amount_cents AND received_cents - NEW.amount_cents < amount_cents
                                   FROM sales WHERE id = OLD.sale_id)
    WHERE day = (SELECT day FROM sales WHERE id = OLD.sale_id);
    UPDATE sales SET received_cents = received_cents - NEW.amount_cents WHERE id = OLD.sale_id;
END;
COMMIT;
