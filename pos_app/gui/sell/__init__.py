"""Typing a payment in, and the payment at hand."""
