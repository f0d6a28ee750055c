#!/bin/bash
# Runs the README's tour word for word: every ```sh block behind a line "<!-- tour -->", in one
# shell, against a fresh server on port 8080, and compares what each block prints with the block
# behind "<!-- answer -->": its lines must be there, in this order, where … stands for any text on
# the line.
set -eu
: "${VECMILL:?VECMILL must name the program}"
root=$(cd "$(dirname "$0")/../.." && pwd)
readme=$root/README.md
. "$root/tests/support/service.sh"
folder=$(mktemp -d)
server=
cleanup() {
    if [ -n "$server" ]; then kill -KILL "$server" && wait "$server"; fi 2>/dev/null || true
    rm -rf "$folder"
}
trap cleanup EXIT
if [ ! -e /usr/share/common-licenses/GPL-3 ]; then
    echo "SKIPPED e2e_readme: the tour's corpus, /usr/share/common-licenses, is not here" >&2
    exit 77
fi

port=8080
if is_open $port; then
    port=0
    echo "e2e_readme: port 8080 is busy: the tour runs with another one"
fi
: >"$folder/log" # there before it is read
"$VECMILL" serve --listen "127.0.0.1:$port" --data "$folder/data" --log-format text \
    2>"$folder/log" &
server=$!
wait_for_port "$folder/log"

mkdir -p "$folder/clone/build/release" "$folder/tour" "$folder/tmp"
ln -s "$VECMILL" "$folder/clone/build/release/vecmill"
awk -v to="$folder/tour" '
    /^<!-- (tour|answer) -->$/ { kind = $2; n += kind == "tour"; next }
    /^```/ { inside = !inside && kind != ""; if (!inside) kind = ""; next }
    inside { print > sprintf("%s/%02d.%s", to, n, kind) }
    END { print n + 0 }' "$readme" >"$folder/count"
count=$(cat "$folder/count")
[ "$count" -ge 5 ] || fail "found only $count blocks in README.md"
{
    echo 'set -e' # a reader would see it when a command fails
    for n in $(seq -w 01 "$count"); do
        echo "exec >'$folder/tour/$n.out' 2>&1; echo $n >'$folder/at'"
        sed "s/127\.0\.0\.1:8080/127.0.0.1:$port/g" "$folder/tour/$n.tour"
    done
} >"$folder/script"
cd "$folder/clone"
TMPDIR=$folder/tmp bash "$folder/script" || fail "a command of this block failed:
$(cat "$folder/tour/$(cat "$folder/at").tour")
it printed:
$(head -c 2000 "$folder/tour/$(cat "$folder/at").out")"

# compare ANSWER OUT: every line of ANSWER as a pattern, found at or behind where the last one was.
compare() {
    awk '
        function pattern(line) {
            gsub(/[][\\.*+?(){}|^$]/, "\\\\&", line)
            gsub(/…/, ".*", line)
            return line
        }
        NR == FNR { wanted[++n] = $0; next }
        at < n && $0 ~ pattern(wanted[at + 1]) { at++ }
        END { if (at < n) { print wanted[at + 1]; exit 1 } }' "$1" "$2"
}
lines=0
for n in $(seq -w 01 "$count"); do
    [ -e "$folder/tour/$n.answer" ] || continue
    missing=$(compare "$folder/tour/$n.answer" "$folder/tour/$n.out") ||
        fail "README.md shows this line:
$missing
but the commands
$(cat "$folder/tour/$n.tour")
printed:
$(head -c 3000 "$folder/tour/$n.out")"
    lines=$((lines + $(wc -l <"$folder/tour/$n.answer")))
done
[ "$lines" -ge 10 ] || fail "only $lines lines were compared"
for link in $(grep -o '](\([^)#]*\))' "$readme" | sed 's/](//; s/)//' | sort -u); do
    case $link in
    http*) ;;
    *) [ -e "$(dirname "$readme")/$link" ] || fail "README.md links to $link, which is not there" ;;
    esac
done
kill -TERM "$server"
code=0
wait "$server" || code=$?
server=
[ "$code" = 0 ] || fail "the server ended with code $code"
echo "e2e_readme: $count blocks ran, $lines lines are as shown"
