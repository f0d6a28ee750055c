#!/bin/bash
# ./run from outside: a small corpus, plain and compressed, with a server on a port and in a folder of its own; corpora that are not there, useless
# or small; a port that is taken.
set -eu
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill -KILL "$server" && wait "$server"; fi 2>/dev/null || true; rm -rf "$folder"' EXIT
for variable in $(compgen -e VECMILL_ || true); do
    unset "$variable"
done
fail() {
    echo "e2e_run: $*" >&2
    exit 1
}
# run ARGUMENT...: output in $folder/out (\r as line ends), errors in $folder/err, exit code in $code.
run() {
    code=0
    RUN_ONCE=1 VECMILL_LISTEN=127.0.0.1:$port VECMILL_DATA=$folder/data ./run "$@" >"$folder/raw" 2>"$folder/err" </dev/null || code=$?
    tr '\r' '\n' <"$folder/raw" >"$folder/out"
}
is_open() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}
free_port() {
    port=$((20000 + ($$ * 7 + RANDOM) % 40000))
    while is_open "$port"; do
        port=$((port + 1))
    done
}
expect() {
    grep -qE -e "$1" "$folder/out" || fail "'$1' is not in the output: $(tail -20 "$folder/out") $(tail -5 "$folder/err")"
}

free_port
run --help
[ "$code" = 0 ] || fail "--help: $code"
expect '^\./run \[CORPUS\]'
run /no/such/file
[ "$code" = 1 ] || fail "a corpus that is not there: exit code $code"
[ "$(cat "$folder/err")" = "run: cannot read corpus '/no/such/file'" ] || fail "said: $(cat "$folder/err")"
[ ! -s "$folder/raw" ] || fail "printed: $(cat "$folder/raw")"

# Words of 40 topics, so that neighbours are of one topic.
awk 'BEGIN { srand(5); for (i = 0; i < 20000; i++) { line = ""; topic = int(rand() * 40);
    for (j = 0; j < 12; j++) line = line (j ? " " : "") "topic" topic "word" int(rand() * 15); print line } }' >"$folder/my first.corpus.txt"
gzip -k "$folder/my first.corpus.txt"
for corpus in "my first.corpus.txt" "my first.corpus.txt.gz"; do
    rm -rf "$folder/data"
    run "$folder/$corpus"
    [ "$code" = 0 ] || fail "./run '$corpus': exit code $code: $(cat "$folder/err") $(tail -5 "$folder/out")"
    expect "^vecmill listens on http://127\.0\.0\.1:$port "
    expect '"name":"my-first\.corpus","bytes":[0-9]+'
    expect '^training job [0-9a-f]{32}$'
    expect '^\[#{40}\] 100% .* million words/s +loss [0-9.]*[1-9]'
    expect '^neighbours of a few frequent words:$'
    [ "$(grep -cE '^  topic[0-9]+word[0-9]+ +(topic[0-9]+word[0-9]+ ?){6}$' "$folder/out")" -ge 5 ] || fail "neighbours: $(cat "$folder/out")"
    # Of each line's six neighbours, most are of the word's own topic.
    awk '/^  topic/ { split($1, w, "word"); for (i = 2; i <= NF; i++) { split($i, v, "word"); n++; same += v[1] == w[1] } }
        END { exit !(n > 0 && same / n > 0.7) }' "$folder/out" || fail "neighbours are not alike: $(cat "$folder/out")"
    expect "^try:  curl 'http://127\.0\.0\.1:$port/v1/models/my-first\.corpus/neighbors\?word=topic"
    ! is_open "$port" || fail "the server was left running"
done

# A corpus that gives no vocabulary: the job fails, and so does ./run, with the reason.
echo "one two three" >"$folder/tiny.txt"
run "$folder/tiny.txt"
[ "$code" != 0 ] || fail "a job that failed: exit code 0"
grep -qh 'no word reaches min_count 5' "$folder/out" "$folder/err" || fail "no reason: $(cat "$folder/out" "$folder/err")"
! is_open "$port" || fail "the server was left running"

# A vocabulary of few words.
printf 'one two three four five six seven\n%.0s' $(seq 50) >"$folder/few.txt"
run "$folder/few.txt"
[ "$code" = 0 ] || fail "few words: exit code $code"
[ "$(grep -cE '^  (one|two|three|four|five|six|seven) ' "$folder/out")" = 7 ] || fail "few words: $(cat "$folder/out")"

# A port that is taken: the server there is not ours, and nothing is sent to it.
: >"$folder/log" # there before it is read
build/release/vecmill serve --listen 127.0.0.1:0 --data "$folder/other" --log-format text 2>"$folder/log" &
server=$!
for _ in $(seq 100); do
    port=$(sed -n 's/.*listening on http:\/\/127\.0\.0\.1:\([0-9]*\).*/\1/p' "$folder/log")
    [ -n "$port" ] && break
    sleep 0.1
done
run "$folder/few.txt"
[ "$code" = 1 ] || fail "a port that is taken: exit code $code: $(cat "$folder/out")"
grep -q '^run: the server did not start:$' "$folder/err" || fail "a port that is taken: $(cat "$folder/err")"
grep -q 'address already in use' "$folder/err" || fail "a port that is taken: $(cat "$folder/err")"
[ "$(curl -s "http://127.0.0.1:$port/v1/corpora")" = '{"object":"list","data":[]}' ] || fail "the other server got a corpus"
echo "e2e_run: a corpus, a compressed one, none, a useless one, few words, and a port that is taken"
