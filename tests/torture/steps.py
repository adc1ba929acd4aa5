"""Names that the torture's judges share with the processes they torture: no product is imported for them."""

from __future__ import annotations

STEPS = ("random", "after_journal", "bytes_left", "after_answer", "in_commit", "printing", "exporting")
"""Where a till ends itself with -9; ``random`` is ended from outside."""
RELAY_STEPS = ("random", "before_commit", "in_commit", "handed_over", "before_answer", "while_handing_over")
PLANTS = (
    "resend",
    "late_journal",
    "no_promise",
    "forgets_payment",
    "believes_amounts",
    "blind_verify",
    "notes_torn",
    "hides_reviews",
)
"""Bugs that can be planted to see that they are noticed; `torture.plants` has what each does."""
