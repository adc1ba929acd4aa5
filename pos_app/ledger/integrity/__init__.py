"""What shows that nobody changed the ledger: the chain of hashes, its head, the key, and the proof of all of it."""
