"""Takes the texts out of the code, brings the catalogues up to date, compiles them: make messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
LOCALE = ROOT / "resources" / "locale"
LANGUAGES = ("sw",)
SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2)}


def texts_in_code() -> Catalog:
    """Every text that is marked for translation."""
    found = Catalog()
    for _file, _line, text, _comments, _context in extract_from_dir(str(ROOT / "pos_app"), keywords=KEYWORDS):
        found.add(text)
    return found


def catalogue(language: str) -> Path:
    """Where a language's texts are."""
    return LOCALE / language / "LC_MESSAGES" / "pos_app.po"


def updated(language: str, template: Catalog) -> Catalog:
    """A catalogue with what the code has now: new texts empty, old ones gone."""
    with catalogue(language).open("rb") as file:
        kept = read_po(file, locale=language)
    fresh = Catalog(locale=language, project="pos-app", header_comment=kept.header_comment, fuzzy=False)
    for message in sorted(template, key=lambda message: str(message.id)):
        if message.id:
            known = kept.get(message.id)
            fresh.add(message.id, known.string if known is not None else None)
    return fresh


def write(language: str, texts: Catalog) -> None:
    """Writes the catalogue and its compiled form."""
    target = catalogue(language)
    with target.open("wb") as file:
        write_po(file, texts, omit_header=True, width=0, sort_output=False)
    body = target.read_text("utf-8")
    target.write_text(
        "# Kiswahili of the till. MIT, as the rest of the program.\n"
        'msgid ""\nmsgstr ""\n'
        f'"Language: {language}\\n"\n'
        '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n\n' + body,
        "utf-8",
    )
    with target.open("rb") as file:
        whole = read_po(file, locale=language)
    # The same texts make the same file, whenever they are compiled.
    whole.creation_date = whole.revision_date = SOME_DAY
    with target.with_suffix(".mo").open("wb") as compiled:
        write_mo(compiled, whole)


def _is_translated(text: str | Sequence[str]) -> bool:
    """Whether there are words; of a text with a plural, for each number."""
    return bool(text) and all(text)


def main() -> None:
    """Does it for every language."""
    template = texts_in_code()
    for language in LANGUAGES:
        texts = updated(language, template)
        write(language, texts)
        empty = [str(message.id) for message in texts if message.id and not _is_translated(message.string)]
        print(f"{language}: {len(texts)} texts, {len(empty)} without a translation")
        for text in empty:
            print(f"  {text!r}")


if __name__ == "__main__":
    main()
