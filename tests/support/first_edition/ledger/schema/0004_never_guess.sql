-- What a hostile trial asked for: waits that count from the first byte, age that counts by answers, what strangers may
-- leave here, a mailbox's identity, and sums that say what was received.

ALTER TABLE attempts ADD COLUMN left_at_ms INTEGER;
ALTER TABLE attempts ADD COLUMN heard_settled INTEGER NOT NULL DEFAULT 0 CHECK (heard_settled IN (0, 1));
ALTER TABLE attempts ADD COLUMN said_by_callback INTEGER NOT NULL DEFAULT 0 CHECK (said_by_callback IN (0, 1));
ALTER TABLE attempts ADD COLUMN answered_at_ms INTEGER;
ALTER TABLE attempts ADD COLUMN answers INTEGER NOT NULL DEFAULT 0;
-- Whether the relay has confirmed that this till has the money of its code.
ALTER TABLE attempts ADD COLUMN is_reserved INTEGER NOT NULL DEFAULT 0 CHECK (is_reserved IN (0, 1));

-- What is closed was asked about by the rules of its time, and is not asked about again.
UPDATE attempts SET answered_at_ms = asked_at_ms,
    answers = CASE WHEN state IN ('sending', 'pending', 'unknown') THEN asks ELSE max(asks, 1) END;

CREATE INDEX attempts_to_ask ON attempts (id) WHERE checkout_request_id IS NOT NULL
    AND (answers = 0 OR said_paid_at_ms IS NOT NULL) AND state IN ('declined', 'abandoned', 'rejected', 'paid');
CREATE INDEX attempts_by_heard ON attempts (heard_code) WHERE heard_code IS NOT NULL;
CREATE INDEX attempts_to_reserve ON attempts (settled_at_ms) WHERE mpesa_code IS NOT NULL AND NOT is_reserved;

-- The relay's mailbox has a name of its own: one that was set up afresh under the old address is another.
ALTER TABLE cursors ADD COLUMN identity TEXT NOT NULL DEFAULT '';

-- `token_digest` makes `digest` checkable where no attempt has the token; `part_digest` is that of the part which was
-- kept of a stranger's message.
ALTER TABLE evidence ADD COLUMN token_digest BLOB;
ALTER TABLE evidence ADD COLUMN part_digest BLOB;

-- How much strangers left here on a day: they can crowd out each other, and nobody else.
CREATE TABLE strangers (
    day     TEXT    PRIMARY KEY,
    kept    INTEGER NOT NULL DEFAULT 0,
    bytes   INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Sealed by the ledger's key: that a payment is another till's cannot be written by hand.
ALTER TABLE till_payments ADD COLUMN taken_sealed BLOB;

-- A sale counts as paid when it is paid in full, not with its first shilling.
DROP TRIGGER paid_counts;
DROP TRIGGER payment_counts;
DROP TRIGGER payment_counts_no_more;

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

UPDATE day_totals SET paid_sales =
    (SELECT coalesce(sum(received_cents >= amount_cents), 0) FROM sales WHERE sales.day = day_totals.day);
