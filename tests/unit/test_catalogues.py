"""Every text has its Kiswahili, with the same placeholders, and what is compiled is what is written."""

from __future__ import annotations

import importlib.util
import io
import re
from collections import Counter
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("messages", ROOT / "packaging" / "messages.py")
assert spec is not None and spec.loader is not None
messages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(messages)


def placeholders(text: str) -> Counter[str]:
    return Counter(re.findall(r"\{[^}]*\}", text))


def texts_of(catalogue: Catalog) -> dict[str, tuple[str, ...]]:
    return {
        str(list(message.id) if isinstance(message.id, (list, tuple)) else message.id): tuple(message.string)
        for message in catalogue
        if message.id
    }


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_the_catalogue_holds_what_the_code_says_and_all_of_it_is_translated(language: str) -> None:
    kept = read_po(io.BytesIO(messages.catalogue(language).read_bytes()), locale=language)
    in_code = {str(message.id) for message in messages.texts_in_code() if message.id}
    in_catalogue = {str(message.id) for message in kept if message.id}
    assert in_code == in_catalogue, "run: make messages"
    for message in kept:
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        for text in texts:
            assert text, message.id
            assert placeholders(text) == placeholders(ids[-1]), message.id


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    source = messages.catalogue(language)
    written = texts_of(read_po(io.BytesIO(source.read_bytes()), locale=language))
    compiled = texts_of(read_mo(io.BytesIO(source.with_suffix(".mo").read_bytes())))
    assert written == compiled, "run: make messages"
