"""Receipts: laid out as data, painted for paper and PDF."""
