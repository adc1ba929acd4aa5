"""Payments made straight to the shop's number, and which sale each is likely for."""
