"""The same readers, led by atheris to the branches it has not seen: ``make fuzz``.

python tests/torture/fuzz_by_coverage.py -runs=1000000 -seed=1
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

import atheris

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

with atheris.instrument_imports(include=["pos_app.daraja", "pos_app.engine.services.relay_reader", "pos_app.domain"]):
    from torture.fuzz import CORPUS, STATUSES, read_all

SEEN = Counter[str]()


def test_one_input(data: bytes) -> None:
    status = STATUSES[data[0] % len(STATUSES)] if data else 200
    read_all(status, data[1:], SEEN)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        for number, body in enumerate(CORPUS):
            Path(folder, str(number)).write_bytes(b"\0" + body)
        atheris.Setup([*sys.argv, "-max_len=4096", folder], test_one_input)
        # It ends the process itself, and says how many inputs it ran and how many branches it met.
        atheris.Fuzz()


if __name__ == "__main__":
    main()
