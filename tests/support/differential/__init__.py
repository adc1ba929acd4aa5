"""Does the same to the ledger of the first edition and to the program's, and compares what both say."""
