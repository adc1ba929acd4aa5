#!/bin/sh
# Takes the texts out of the code, brings the catalogues up to date, compiles them.
set -eu
cd "$(dirname "$0")/.."
BABEL=.venv/bin/pybabel
LOCALE=resources/locale
$BABEL -q extract -k N_ -k _ -k ngettext:1,2 --no-location --sort-output --omit-header --no-wrap -o "$LOCALE/pos_app.pot" pos_app
for language in sw; do
    catalogue="$LOCALE/$language/LC_MESSAGES/pos_app.po"
    mkdir -p "$(dirname "$catalogue")"
    if [ -f "$catalogue" ]; then
        $BABEL -q update -D pos_app -i "$LOCALE/pos_app.pot" -d "$LOCALE" -l "$language" \
            --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --no-wrap
    else
        $BABEL -q init -D pos_app -i "$LOCALE/pos_app.pot" -d "$LOCALE" -l "$language" --no-wrap
    fi
    $BABEL -q compile -D pos_app -d "$LOCALE" -l "$language" --statistics
done
