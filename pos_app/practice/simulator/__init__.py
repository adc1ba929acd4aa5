"""The practice M-PESA: a real HTTP server on loopback that behaves as the fact sheet says.

It shares no code with the client it is used to test: its records are the oracle.
"""
