"""Messages that belong to no payment of this till."""
