"""What faces ask of the ledger, as data: one frozen query each."""
