-- The mark of the last message: tells a mailbox that began anew and has overtaken its old numbers.

ALTER TABLE cursors ADD COLUMN mark TEXT NOT NULL DEFAULT '';
