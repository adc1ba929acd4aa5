"""Money, phone numbers and order references: what they are, and nothing about sales."""
