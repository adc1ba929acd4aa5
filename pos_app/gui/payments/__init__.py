"""Payments that customers made straight to the till."""
