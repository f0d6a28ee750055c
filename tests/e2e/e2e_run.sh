#!/bin/bash
# ./run from outside: a small corpus, plain and compressed, with a server on a port and in a folder
# of its own; corpora that are not there, useless or small; a port that is taken.
set -eu
cd "$(dirname "$0")/../.."
. tests/support/service.sh
folder=$(mktemp -d)
server=
cleanup() {
    if [ -n "$server" ]; then kill -KILL "$server" && wait "$server"; fi 2>/dev/null || true
    rm -rf "$folder"
}
trap cleanup EXIT
# run ARGUMENT...: output in $folder/out (\r as line ends), errors in $folder/err, exit code in
# $code.
run() {
    code=0
    RUN_ONCE=1 VECMILL_LISTEN=127.0.0.1:$port VECMILL_DATA=$folder/data ./run "$@" \
        >"$folder/raw" 2>"$folder/err" </dev/null || code=$?
    tr '\r' '\n' <"$folder/raw" >"$folder/out"
}
expect() {
    grep -qE -e "$1" "$folder/out" ||
        fail "'$1' is not in the output: $(tail -20 "$folder/out") $(tail -5 "$folder/err")"
}

find_port
run --help
[ "$code" = 0 ] || fail "--help: $code"
expect '^\./run \[CORPUS\]'
run /no/such/file
[ "$code" = 1 ] || fail "a corpus that is not there: exit code $code"
[ "$(cat "$folder/err")" = "run: cannot read corpus '/no/such/file'" ] ||
    fail "said: $(cat "$folder/err")"
[ ! -s "$folder/raw" ] || fail "printed: $(cat "$folder/raw")"

# Words of 40 topics, so that neighbours are of one topic.
awk 'BEGIN { srand(5); for (i = 0; i < 20000; i++) { line = ""; topic = int(rand() * 40);
    for (j = 0; j < 12; j++) line = line (j ? " " : "") "topic" topic "word" int(rand() * 15)
    print line } }' >"$folder/my first.corpus.txt"
gzip -k "$folder/my first.corpus.txt"
for corpus in "my first.corpus.txt" "my first.corpus.txt.gz"; do
    rm -rf "$folder/data"
    run "$folder/$corpus"
    [ "$code" = 0 ] ||
        fail "./run '$corpus': exit code $code: $(cat "$folder/err") $(tail -5 "$folder/out")"
    expect "^vecmill listens on http://127\.0\.0\.1:$port "
    expect '"name":"my-first\.corpus","bytes":[0-9]+'
    expect '^training job [0-9a-f]{32}$'
    expect '^\[#{40}\] 100% .* million words/s +loss [0-9.]*[1-9]'
    expect '^neighbours of a few frequent words:$'
    word='topic[0-9]+word[0-9]+'
    [ "$(grep -cE "^  $word +($word ?){6}\$" "$folder/out")" -ge 5 ] ||
        fail "neighbours: $(cat "$folder/out")"
    # Of each line's six neighbours, most are of the word's own topic.
    awk '/^  topic/ { split($1, w, "word")
        for (i = 2; i <= NF; i++) { split($i, v, "word"); n++; same += v[1] == w[1] } }
        END { exit !(n > 0 && same / n > 0.7) }' "$folder/out" ||
        fail "neighbours are not alike: $(cat "$folder/out")"
    url="http://127\.0\.0\.1:$port/v1/models/my-first\.corpus"
    expect "^try:  curl '$url/neighbors\?word=topic"
    ! is_open "$port" || fail "the server was left running"
done

# A corpus that gives nothing to learn: the job fails, and so does ./run, with the reason.
echo "one one one" >"$folder/tiny.txt"
run "$folder/tiny.txt"
[ "$code" != 0 ] || fail "a job that failed: exit code 0"
grep -qh "'one' is the only word" "$folder/out" "$folder/err" ||
    fail "no reason: $(cat "$folder/out" "$folder/err")"
! is_open "$port" || fail "the server was left running"

# A vocabulary of few words.
printf 'one two three four five six seven\n%.0s' $(seq 50) >"$folder/few.txt"
run "$folder/few.txt"
[ "$code" = 0 ] || fail "few words: exit code $code"
[ "$(grep -cE '^  (one|two|three|four|five|six|seven) ' "$folder/out")" = 7 ] ||
    fail "few words: $(cat "$folder/out")"

# A port that is taken: the server there is not ours, and nothing is sent to it. Three times, each
# with the log of an earlier run in place, which says "listening", too.
: >"$folder/log" # there before it is read
build/release/vecmill serve --listen 127.0.0.1:0 --data "$folder/other" --log-format text \
    2>"$folder/log" &
server=$!
wait_for_port "$folder/log"
for _ in 1 2 3; do
    echo 'old: listening on http://127.0.0.1:1' >.run/server.log
    run "$folder/few.txt"
    [ "$code" = 1 ] || fail "a port that is taken: exit code $code: $(cat "$folder/out")"
    for text in '^run: the server did not start:$' 'address already in use'; do
        grep -q "$text" "$folder/err" || fail "a port that is taken: $(cat "$folder/err")"
    done
    ! grep -q '^old: ' .run/server.log || fail "the log holds what an earlier run wrote"
done
[ "$(curl -s "http://127.0.0.1:$port/v1/corpora")" = '{"object":"list","data":[]}' ] ||
    fail "the other server got a corpus"
# A log that does not tell where the server listens would be waited for without end.
find_port
VECMILL_LOG_LEVEL=error run "$folder/few.txt"
[ "$code" = 0 ] || fail "with a quiet log: exit code $code: $(cat "$folder/err")"
echo "e2e_run: a corpus, a compressed one, none, a useless one, few words, a port that is taken"
