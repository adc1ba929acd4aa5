"""The ledger: what was sold, what was asked, what M-PESA answered. Written before anything is sent."""
