"""The ledger and the rules as they were before the turn: what the rewritten ones are compared with."""
