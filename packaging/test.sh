#!/bin/sh
# Runs the tests by room, from unit to end-to-end, the tour on a virtual screen last, and says how long each took:
#   packaging/test.sh              every room
#   packaging/test.sh unit gui     these rooms
# Stops at the first room that fails. Pictures land in build/.
set -eu
cd "$(dirname "$0")/.."
export QT_QPA_PLATFORM=offscreen PYTHONDONTWRITEBYTECODE=
mkdir -p build
[ $# -gt 0 ] || set -- unit daraja ledger exports engine receipts relay install gui e2e contract torture tour
for folder in tests/*/; do
    room=$(basename "$folder")
    # With all rooms asked for, one that this list has forgotten would never be tested.
    case " $* " in *" tour "*) ls "$folder"test_*.py >/dev/null 2>&1 && case " $* " in *" $room "*) ;; *)
        echo "test: packaging/test.sh does not know the room tests/$room" >&2; exit 1 ;; esac ;; esac
done
TIMES=""
STARTED=$(date +%s)
report() { printf '\ntime by room:\n%s%8d s  all\n' "$TIMES" $(($(date +%s) - STARTED)); }
trap report EXIT
for room in "$@"; do
    printf '\n== %s\n' "$room"
    began=$(date +%s)
    case $room in
    unit) packaging/coverage.sh domain tests/unit 100 ;;
    daraja) packaging/coverage.sh daraja tests/daraja 100 ;;
    ledger) packaging/coverage.sh ledger tests/ledger 99 ;;
    exports) packaging/coverage.sh exports tests/exports 99 ;;
    engine) packaging/coverage.sh engine tests/engine 97 ;;
    tour) packaging/tour.sh ;;
    *) .venv/bin/python -m pytest "tests/$room" ;;
    esac
    TIMES="$TIMES$(printf '%8d s  %s' $(($(date +%s) - began)) "$room")
"
done
