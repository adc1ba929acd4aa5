"""The till: takes M-PESA payments for small merchants and never guesses about money."""

__version__ = "0.1.0"
