"""The ledger as files for people: XLSX, CSV and JSON."""
