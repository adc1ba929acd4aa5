"""The day: totals, search, the table, one sale in full, the export."""
