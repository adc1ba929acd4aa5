-- Payments that customers made straight to the paybill or till (C2B). What each one is used for is told by events of
-- the sale's attempts, which the chain covers; what nobody claims stays listed.

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
    taken_by       TEXT    NOT NULL DEFAULT '',
    CHECK ((sale_id IS NULL) = (use IN ('', 'elsewhere')))
) STRICT;

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

CREATE TRIGGER payment_counts AFTER UPDATE OF use ON till_payments WHEN NEW.use = 'pays' AND OLD.use <> 'pays' BEGIN
    UPDATE day_totals SET
        paid_cents = paid_cents + NEW.amount_cents,
        paid_sales = paid_sales + (SELECT received_cents = 0 FROM sales WHERE id = NEW.sale_id)
    WHERE day = (SELECT day FROM sales WHERE id = NEW.sale_id);
    UPDATE sales SET received_cents = received_cents + NEW.amount_cents WHERE id = NEW.sale_id;
END;

CREATE TRIGGER payment_counts_no_more AFTER UPDATE OF use ON till_payments
WHEN OLD.use = 'pays' AND NEW.use <> 'pays' BEGIN
    UPDATE sales SET received_cents = received_cents - NEW.amount_cents WHERE id = OLD.sale_id;
    UPDATE day_totals SET
        paid_cents = paid_cents - NEW.amount_cents,
        paid_sales = paid_sales - (SELECT received_cents = 0 FROM sales WHERE id = OLD.sale_id)
    WHERE day = (SELECT day FROM sales WHERE id = OLD.sale_id);
END;

CREATE TRIGGER payments_stay BEFORE DELETE ON till_payments BEGIN
    SELECT RAISE(ABORT, 'payments are never deleted');
END;
CREATE TRIGGER payment_stays_as_it_came
BEFORE UPDATE OF mpesa_code, amount_cents, day, paid_at_ms, received_at_ms, phone_last3, payer_sealed, evidence
ON till_payments BEGIN
    SELECT RAISE(ABORT, 'what was paid does not change');
END;
