"""The numbers of things in the ledger, told apart by type."""

from __future__ import annotations

from typing import NewType

SaleId = NewType("SaleId", int)
AttemptId = NewType("AttemptId", int)
