"""Sales: what is owed and received for one order, and what a person may do about it."""
