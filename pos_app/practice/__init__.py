"""Practice: M-PESA's look-alike (`simulator`, a program of its own) and what a practice till runs of it."""
