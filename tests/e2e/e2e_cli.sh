#!/bin/bash
# The command line from outside: help, errors word for word, exit codes, and the whole way from a
# corpus to answers.
set -eu
: "${VECMILL:?VECMILL must name the program}"
source_folder=$(cd "$(dirname "$0")/../.." && pwd)
. "$source_folder/tests/support/service.sh"
folder=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill -KILL "$server" 2>/dev/null || true; fi; rm -rf "$folder"' EXIT
cd "$folder"
checks=0
# Runs the program; leaves standard output in `out`, standard error in `err`, the exit code in
# $code.
run() {
    code=0
    "$program" "$@" >out 2>err </dev/null || code=$?
}
program=$VECMILL
expect_code() {
    checks=$((checks + 1))
    [ "$code" = "$1" ] || fail "exit code $code, not $1: $(cat err)"
}
# expect_error CODE TEXT ARGUMENT...
expect_error() {
    local wanted=$1 text=$2
    shift 2
    run "$@"
    expect_code "$wanted"
    [ "$(cat err)" = "$text" ] || fail "vecmill $*: said '$(cat err)', not '$text'"
    [ ! -s out ] || fail "vecmill $*: an error printed to standard output: $(cat out)"
}
expect_out() {
    checks=$((checks + 1))
    grep -qF -e "$1" out || fail "'$1' is not in: $(head -c 2000 out)"
}

# ---- help and version
run --help
expect_code 0
cp out overview
commands="serve train nearest analogy similarity rank closer lookup embed eval recommend export"
commands="$commands import healthcheck version help"
for command in $commands; do
    grep -q "^  $command " overview || fail "--help leaves out $command"
    run help "$command"
    expect_code 0
    expect_out "usage: vecmill $command"
    cp out help_text
    run "$command" --help
    expect_code 0
    cmp -s out help_text || fail "help $command and $command --help differ"
done
run help
expect_out "  4  training stopped at a checkpoint; --resume goes on from it"
run train --help
expect_out "  --dim N                         length of the vectors (1 to 4096; default 100)"
expect_out "  --output DIR"
if grep -q -e '--listen' out; then fail "train lists settings of the server"; fi
run serve -h
expect_out "  --listen TEXT"
expect_out "  --dim N"
run --version
expect_code 0
grep -qE '^vecmill [0-9]+\.[0-9]+\.[0-9]+$' out || fail "odd version: $(cat out)"
run help conf
expect_code 0
cmp -s out "$source_folder/vecmill.conf" ||
    fail "vecmill.conf is old: vecmill help conf > vecmill.conf"

# ---- wrong command lines
expect_error 2 "vecmill: no command; see 'vecmill help'"
expect_error 2 "vecmill: unknown command 'trian'; did you mean 'train'?" trian
expect_error 2 "vecmill: unknown command 'xyzzy'; see 'vecmill help'" xyzzy
expect_error 2 "vecmill help: no command 'xyzzy'; see 'vecmill help'" help xyzzy
expect_error 2 "vecmill train: unknown option '--dmi'; did you mean '--dim'?" \
    train c --output m --dmi 3
expect_error 2 "vecmill train: unknown option '--outptu'; did you mean '--output'?" \
    train c --outptu m
expect_error 2 "vecmill train: unknown option '--min-cuont'; did you mean '--min-count'?" \
    train c --min-cuont=1
expect_error 2 "vecmill train: unknown option '--frobnicate'; see 'vecmill help train'" \
    train --frobnicate
expect_error 2 "vecmill train: unknown option '-x'; see 'vecmill help train'" train -x
expect_error 2 "vecmill train: option '--dim' needs a value" train c --output m --dim
expect_error 2 "vecmill train: option '--resume' takes no value" train c --resume=yes
expect_error 2 "vecmill train: dim must be between 1 and 4096, not 0" train c --output m --dim 0
expect_error 2 "vecmill train: sample must be auto or a number between 0 and 1, not 'nan'" \
    train c --output m --sample nan
expect_error 2 "vecmill train: listen is a setting of the server, not of a job" \
    train c --output m --listen :1
expect_error 2 "vecmill train: min_learning_rate must be at most learning_rate 1e-06, not 5e-06" \
    train c --output m --learning-rate 1e-6
expect_error 2 "vecmill train: --output is needed: the folder to write the model to" train c
usage="vecmill train CORPUS --output DIR [OPTION]... [--SETTING VALUE]..."
expect_error 2 "vecmill train: no corpus; usage: $usage" train --output m
expect_error 2 "vecmill train: --progress must be one of auto|bar|json|none, not 'loud'" \
    train c --output m --progress loud
expect_error 2 "vecmill train: --job needs --progress-fd and takes no corpus" train --job x
expect_error 2 "vecmill nearest: too few arguments; usage: vecmill nearest MODEL WORD..." nearest m
expect_error 2 "vecmill nearest: --k must be between 1 and 1000000, not '0'" nearest m w --k 0
expect_error 2 "vecmill nearest: 'nearest' takes no option '--dim'" nearest m w --dim 5
expect_error 2 "vecmill version: unexpected argument 'x'; usage: vecmill version " version x
expect_error 1 "vecmill train: cannot open 'absent': no such file or directory" \
    train absent --output m --progress none

# ---- settings: default < file < environment < command line
dim_of() {
    run serve --print-config "$@"
    expect_code 0
    sed -n 's/^dim = //p' out
}
printf '# mine\ndim = 11\ndata = "a # b"\n' >mine.conf
printf 'dim = 12\n' >other.conf
[ "$(dim_of)" = 100 ] || fail "default"
[ "$(dim_of --config mine.conf)" = 11 ] || fail "file"
expect_out 'data = "a # b"'
export VECMILL_CONF=mine.conf
[ "$(dim_of)" = 11 ] || fail "VECMILL_CONF"
[ "$(dim_of --config other.conf)" = 12 ] || fail "--config beats VECMILL_CONF"
export VECMILL_DIM=13
[ "$(dim_of)" = 13 ] || fail "environment"
[ "$(dim_of --dim 14)" = 14 ] || fail "command line"
[ "$(dim_of --dim=14 --dim=15)" = 15 ] || fail "the last one counts"
run serve --print-config --exact_negatives --guard off --dynamic-window=no
expect_out "exact_negatives = true"
expect_out "guard = false"
expect_out "dynamic_window = false"
cp out printed.conf
run serve --print-config --config printed.conf
cmp -s <(sed 's/^dim = .*//' out) <(sed 's/^dim = .*//' printed.conf) ||
    fail "--print-config does not read back"
export VECMILL_DIM=many
text="VECMILL_DIM: dim must be a whole number between 1 and 4096, not 'many'"
expect_error 2 "vecmill serve: $text" serve --print-config
unset VECMILL_DIM
export VECMILL_DMI=1
text="unknown setting 'VECMILL_DMI' in the environment; did you mean 'VECMILL_DIM'?"
expect_error 2 "vecmill serve: $text" serve --print-config
unset VECMILL_DMI VECMILL_CONF
printf 'dim = 5\nepcohs = 3\n' >wrong.conf
expect_error 2 "vecmill serve: wrong.conf:2: unknown setting 'epcohs'; did you mean 'epochs'?" \
    serve --print-config --config wrong.conf
expect_error 2 "vecmill serve: cannot open 'absent.conf': no such file or directory" \
    serve --print-config --config absent.conf

# ---- from a corpus to answers
awk 'BEGIN { srand(7); for (i = 0; i < 3000; i++) { line = ""; topic = int(rand() * 4);
    for (j = 0; j < 10; j++) line = line (j ? " " : "") "t" topic "w" int(rand() * 12)
    print line } }' >corpus.txt
printf 'king queen\nking \xff\n' >>corpus.txt
small="--dim 16 --epochs 3 --threads 1 --min-count 2 --sample 1e-3"
run train corpus.txt --output model $small --progress none
expect_code 0
expect_out "corpus: 30,004 words in 3,002 sentences, 51 different"
expect_out "vocabulary: 49 words; left out as too rare: 2 (0.01%) of the text"
expect_out "subsampling: sample 0.001 keeps 2"
expect_out "places that are no UTF-8: 1"
expect_out "model: model, sha256:"
[ ! -e model/.work ] || fail "the work folder is left behind"
run nearest model t1w1 --k 5
expect_code 0
[ "$(wc -l <out)" = 5 ] || fail "nearest: $(cat out)"
[ "$(cut -f1 out | grep -c '^t1w')" -ge 4 ] || fail "neighbours of other topics: $(cat out)"
run nearest model t1w1 t2w2 --k 1
expect_out "t1w1:"
expect_out "t2w2:"
run nearest model t1w1 --k 60
cp out nearest_all
run nearest model t1w1 --k 5 --prefix t2
expect_code 0
cmp -s out <(grep '^t2' nearest_all | head -5) || fail "--prefix: $(cat out)"
least=$(sed -n 4p nearest_all | cut -f2)
run nearest model t1w1 --k 60 --min-score "$least"
expect_code 0
[ "$(wc -l <out)" -le 4 ] && cmp -s out <(head -n "$(wc -l <out)" nearest_all) ||
    fail "--min-score $least: $(cat out)"
run nearest model t1w1 --prefix t --min-score 1.5
expect_code 0
[ ! -s out ] || fail "scores above 1.5: $(cat out)"
run nearest model t1w1 --prefix nothingbeginsso
expect_code 0
[ ! -s out ] || fail "a prefix of no word: $(cat out)"
expect_error 2 "vecmill nearest: --min-score must be a number, not 'high'" \
    nearest model t1w1 --min-score high
other=$(sed -n 7p nearest_all | cut -f1)
run rank model t1w1 "$other"
expect_code 0
[ "$(cat out)" = 7 ] || fail "rank: $(cat out)"
run closer model t1w1 "$other"
expect_code 0
cmp -s out <(head -6 nearest_all) || fail "closer: $(cat out)"
run closer model t1w1 "$other" --k 2
cmp -s out <(head -2 nearest_all) || fail "closer --k: $(cat out)"
run similarity model t1w1 "$other"
expect_code 0
[ "$(cat out)" = "$(sed -n 7p nearest_all | cut -f2)" ] || fail "similarity: $(cat out)"
run analogy model t1w1 t1w2 t3w1 --prefix t2 --k 60
expect_code 0
[ -s out ] && ! grep -qv '^t2' out || fail "analogy --prefix: $(cat out)"
expect_error 1 "vecmill nearest: no word 't1w' in the model; did you mean '$(
    run nearest model t1w
    sed "s/.*mean '\(.*\)'?/\1/" err
)'?" nearest model t1w
expect_error 1 "vecmill lookup: no word 'nothingnearthis' in the model" lookup model nothingnearthis
run lookup model/model.vecmill t1w1 -- t2w2
expect_code 0
[ "$(awk '{ print NF }' out | sort -u)" = 17 ] || fail "lookup: $(cat out)"
cp out looked_up
# a text of one word is that word's vector, at length 1
unit() {
    awk -v first="$1" '{ n = 0; for (i = first; i <= NF; i++) n += $i * $i
        for (i = first; i <= NF; i++) printf "%.4f ", $i / sqrt(n) + 1e-6; print "" }' "$2"
}
run embed model t1w1 t2w2
expect_code 0
cmp -s <(unit 2 looked_up) <(unit 1 out) || fail "embed: $(unit 2 looked_up; cat out)"
cp out embedded
code=0
printf 't1w1\nt2w2' | "$program" embed model >out 2>err || code=$?
expect_code 0
cmp -s out embedded || fail "embed of lines: $(cat out)"
for weighting in none sif zipf; do
    run embed model "t1w1 t2w2 t1w3" --text-weighting $weighting --remove-component true
    expect_code 0
    [ "$(wc -w <out)" = 16 ] || fail "embed: $(cat out)"
    cp out "by_$weighting"
done
if cmp -s by_none by_sif || cmp -s by_sif by_zipf; then fail "weightings are alike"; fi
run embed model absent --unknown-text zero
expect_code 0
[ "$(tr -d '0 \n' <out)" = "" ] || fail "zeros: $(cat out)"
run embed model t1w1 absent
expect_code 1
grep -q "text 2 holds no token that the model knows; --unknown-text zero" err || fail "$(cat err)"
printf '2 2\na 1 2\nb 3 4\n' >vectors.txt
run import vectors.txt --output imported
run embed imported a --text-weighting sif
expect_code 1
grep -q "weighting 'zipf' goes by their order instead" err || fail "$(cat err)"
run analogy model t1w1 t1w2 t3w1 --k 3
expect_code 0
[ "$(wc -l <out)" = 3 ] || fail "analogy: $(cat out)"
printf ': one\nt1w1 t1w2 t1w3 t1w4\n: two\nt1w1 absent t1w3 t1w4\n' >questions
run eval model questions
expect_code 0
expect_out "one "
expect_out "1 questions hold a word that is not in the vocabulary"
run eval model questions --json
expect_out '"skipped":1'
printf 't1w1 t1w2 9\nt1w1 t2w2 1\nt1w1 t3w3 2\nabsent t1w1 5\n' >pairs
run eval model pairs
expect_out "3 of 4 pairs are in the vocabulary"
run eval model pairs --set similarity --json
expect_out '"pairs":4,"found":3,"duplicates":0'
printf 'T1W1,t1w2,9,N,x\nt1w1,t2w2,1,N,y\nt1w1\nt1w1,t3w3,2,N,z\n' >five
run eval model five
expect_out "3 of 3 pairs are in the vocabulary"
expect_out "1 words were found only in another case"
expect_out "1 lines could not be read: 3"
run eval model five --case exact --json
expect_out '"pairs":3,"found":2'
expect_out '"folded":0,"unread":1,"unread_lines":[3]'
printf '\357\273\277# comment\n: one\nt1w1 t1w2 t1w3 t1w4\n' >marked
run eval model marked --json
expect_out '"set":"analogies"'
run export model --output vectors.txt
expect_code 0
[ "$(head -1 vectors.txt)" = "49 16" ] || fail "vectors.txt: $(head -1 vectors.txt)"
grep -qxF -e "$(head -1 looked_up)" vectors.txt || fail "export and lookup differ"
run export model --output vectors.bin --normalize
expect_code 0
run import vectors.txt --output imported
expect_code 0
expect_out "model: imported, 49 words of 16 dimensions, sha256:"
expect_out "rows: 49 read as text, 49 kept"
run lookup imported t1w1 t2w2
cmp -s out looked_up || fail "import changed the vectors"
run import vectors.bin --output imported
expect_code 0
run export model --output x
expect_code 2
text="cannot open model file 'absent/model.vecmill': no such file or directory"
expect_error 1 "vecmill lookup: $text" lookup absent/model.vecmill x
if [ -c /dev/full ]; then
    code=0
    "$VECMILL" lookup model t1w1 >/dev/full 2>err || code=$?
    expect_code 1
    [ "$(cat err)" = "vecmill lookup: cannot write standard output" ] ||
        fail "full disk: $(cat err)"
fi

# ---- what cannot be learned from, and what little is left of it
printf 'w%d\n' $(seq 50) $(seq 50) >alone.txt
text="no two words stand in one sentence: there are 100 words in 100 sentences; join the words of \
a sentence on one line, or set sentence = paragraph"
expect_error 1 "vecmill train: $text" train alone.txt --output none --progress none --min-count 1
[ ! -e none/model.vecmill ] || fail "a model that learned nothing is written"
run train alone.txt --output alone --progress json --min-count 1 --sentence paragraph --threads 1
expect_code 0
tail -1 out | grep -q '"examples":[1-9].*"loss":[1-9].*"sample":[0-9.e-]*,"sample_share":1,' ||
    fail "summary: $(tail -1 out)"
run train corpus.txt --output auto --progress none --threads 1 --dim 8 --epochs 1
expect_code 0
expect_out " (auto) keeps 100.0% of these words"
run train corpus.txt --output auto --progress none --threads 1 --dim 8 --epochs 1 --sample-words 0
expect_code 0
expect_out " (auto) keeps 40."
expect_out ", loss "
run train corpus.txt --output little --progress none --threads 1 --dim 8 --epochs 1 --sample 1e-4
expect_code 0
expect_out "of these words, which is little: see sample = auto"
grep -q 'warning: subsampling with sample 0.0001 keeps only ' err || fail "no warning: $(cat err)"

# ---- progress as JSON lines; NDJSON, packed; same seed, same model
run train corpus.txt --output model2 $small
expect_code 0
[ "$(grep -c '^{"event":"progress","phase":"' out)" -ge 3 ] || fail "progress: $(cat out)"
tail -1 out | grep -q '^{"event":"done","model":"model2","digest":"sha256:' ||
    fail "summary: $(tail -1 out)"
run lookup model2 t1w1 t2w2
cmp -s out looked_up || fail "the same seed gave other vectors"
sed -n '1,3000s/.*/{"text":"&"}/p' corpus.txt | gzip >corpus.ndjson.gz
head -3000 corpus.txt >plain.txt
run train plain.txt --output plain --dim 8 --epochs 1 --threads 1 --progress none
expect_code 0
run train corpus.ndjson.gz --output packed --dim 8 --epochs 1 --threads 1 --progress none \
    --work scratch
expect_code 0
[ ! -e scratch/vecmill-work ] || fail "scratch files are left behind"
run lookup plain t1w1 t3w3
cp out looked_up
run lookup packed t1w1 t3w3
cmp -s out looked_up || fail "NDJSON gave other vectors than the same text"
printf '{"text":"a b"}\n{"text":\n' >bad.ndjson
run train bad.ndjson --output bad --progress none
expect_code 1
grep -q 'line 2' err || fail "bad NDJSON: $(cat err)"
read -r count word < <(tr ' ' '\n' <plain.txt | sort | uniq -c | sort -k1,1nr)
text="no word reaches min_count 100000: the most frequent, '$word', was seen $count times"
expect_error 1 "vecmill train: $text" \
    train plain.txt --output bad --min-count 100000 --progress none
expect_error 6 "$(
    run train plain.txt --output bad --max-memory 4K --progress none
    cat err
)" train plain.txt --output bad --max-memory 4K --progress none

# ---- stop at a checkpoint and go on
for _ in $(seq 60); do cat plain.txt; done >long.txt
long="train long.txt --output long --dim 64 --epochs 100000 --threads 1"
"$VECMILL" $long >progress 2>err &
training=$!
wait_until grep -q '"phase":"training"' progress || fail "no training: $(cat err)"
kill -TERM "$training"
code=0
wait "$training" || code=$?
expect_code 4
grep -q 'stopped at a checkpoint; the same command with --resume goes on from it' err ||
    fail "pause: $(cat err)"
ls long/.work/checkpoint* >/dev/null || fail "no checkpoint"
"$VECMILL" $long --resume >progress 2>err &
training=$!
wait_until grep -q 'resumed from a checkpoint' progress ||
    fail "not resumed: $(head -3 progress) $(cat err)"
kill -INT "$training"
code=0
wait "$training" || code=$?
expect_code 4

# ---- as the server's child
mkdir job
cp plain.txt job/corpus
echo "dim = 8" >job/settings.conf
echo "name" >job/name
code=0
reports=$( ("$VECMILL" train --job job --progress-fd 3 3>&1 >out 2>err || echo failed) | wc -c)
[ "$reports" -gt 600 ] && [ -s job/model/model.vecmill ] ||
    fail "job: $reports bytes of reports; $(cat err)"
[ ! -e job/error ] || fail "a job that went well left an error"
printf 'dim = 8\nmin_count = 1000000\n' >job/settings.conf
("$VECMILL" train --job job --progress-fd 3 3>&1 >out 2>err || echo "code $?") |
    grep -aq 'code 1' || fail "job that fails"
[ "$(head -1 job/error)" = "refused min_count" ] || fail "job/error: $(cat job/error)"
sed -n 2p job/error | grep -q '^no word reaches min_count 1000000' ||
    fail "job/error: $(cat job/error)"
expect_error 3 "vecmill train: the server that wanted this job is gone" \
    train --job job --progress-fd 77

# ---- serve and healthcheck
expect_error 1 "vecmill healthcheck: cannot connect to '127.0.0.1' port 1: connection refused" \
    healthcheck --listen :1
: >log # there before it is read
"$VECMILL" serve --listen 127.0.0.1:0 --data data --log-format json 2>log &
server=$!
wait_for_port log
run healthcheck --listen "127.0.0.1:$port"
expect_code 0
VECMILL_LISTEN="0.0.0.0:$port" run healthcheck
expect_code 0
expect_error 1 "vecmill serve: $(
    run serve --listen 127.0.0.1:0 --data data --log-format text
    sed -n 's/^vecmill serve: //p' err
)" serve --listen 127.0.0.1:0 --data data --log-format text --log-level error
[ -s err ] || fail "two servers on one data folder"
if grep -qvE '^\{"time":"[0-9T:.-]+Z","level":"[a-z]+","message":".*\}$' log ||
    ! jq -es 'all(has("time") and has("level") and has("message"))' log >/dev/null; then
    fail "log: $(cat log)"
fi
kill -TERM "$server"
code=0
wait "$server" || code=$?
server=
expect_code 0
echo "e2e_cli: $checks checks passed"
