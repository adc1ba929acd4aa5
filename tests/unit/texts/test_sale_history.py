"""The time line of a sale in sentences."""

from __future__ import annotations

from pos_app.texts.sale_history import event_sentence


def test_a_result_that_no_table_knows_is_neither_paid_nor_not_paid() -> None:
    details = {"outcome": "other", "code": "31337", "text": "The service is resting"}
    for kind, begins in (("callback", "M-PESA reported"), ("query", "Asked M-PESA"), ("lost", "No clear answer")):
        sentence = event_sentence(kind, "Amina", details)
        assert sentence == f"{begins}: a result that this till does not know (31337): The service is resting"
    assert event_sentence("callback", "system", {"outcome": "cancelled", "code": "1032"}).endswith("(1032)")
    assert "not paid" not in event_sentence("refused", "system", details | {"text": ""}).lower()
