"""Who does something at the till, and what they may do."""
