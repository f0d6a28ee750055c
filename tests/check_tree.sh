#!/bin/bash
# The law of arrows, and what the design forbids, read from the sources. No build needed.
set -u
cd "$(dirname "$0")/.."
bad=0
complain() {
    echo "check_tree: $*" >&2
    bad=$((bad + 1))
}
declare -A may=(
    [base]="base" [kernel]="kernel" [config]="config base" [sampler]="sampler kernel base"
    [embedding]="embedding kernel base" [train]="train sampler embedding config kernel base"
    [server]="server train embedding config kernel base"
    [cli]="cli server train embedding config kernel base"
)
declare -A public=(
    [base]="*" [kernel]="kernel.h train_step.h" [config]="config.h settings.def" [sampler]="sampler.h"
    [embedding]="embedding.h" [train]="train.h" [server]="server.h"
)
folders="base kernel config sampler embedding train server cli"
for folder in $folders; do
    for file in "$folder"/*.[ch]; do
        [ -e "$file" ] || continue
        while read -r include; do
            to=${include%%/*} header=${include#*/}
            [[ " ${may[$folder]} " == *" $to "* ]] || complain "$file includes $include: $folder may not see $to"
            if [ "$to" != "$folder" ] && [ "${public[$to]:-}" != "*" ] && [[ " ${public[$to]:-} " != *" $header "* ]]; then
                complain "$file includes $include, which is private to $to"
            fi
        done < <(sed -n 's/^#include "\([a-z_]*\/[^"]*\)".*/\1/p' "$file")
        lines=$(wc -l <"$file")
        [ "$lines" -le 600 ] || complain "$file has $lines lines, more than 600"
    done
done
# Code without comments and string literals, for the word searches below.
code() {
    gcc -fpreprocessed -dD -E -P "$1" 2>/dev/null | sed 's/"\([^"\\]\|\\.\)*"/""/g'
}
banned='\b(sprintf|vsprintf|strcpy|strcat|strtok|atoi|atol|atof|rand|srand|gets|alloca)[[:space:]]*\('
world='(^|[^.>[:alnum:]_])(printf|puts|putchar|perror|exit|_exit|abort|getenv|secure_getenv)[[:space:]]*\('
opens='\b(fopen|creat|mkstemp|mkostemp)[[:space:]]*\(|O_(WRONLY|RDWR|CREAT)'
for folder in $folders; do
    for file in "$folder"/*.[ch]; do
        [ -e "$file" ] || continue
        text=$(code "$file")
        if grep -qE "$banned" <<<"$text"; then
            complain "$file uses a banned function: $(grep -oE "$banned" <<<"$text" | head -1)"
        fi
        if [ "$folder" != cli ] && grep -qE "$world" <<<"$text"; then
            complain "$file prints, exits or reads the environment: $(grep -oE "$world" <<<"$text" | head -1)"
        fi
        if [ "$folder" != base ] && grep -qE "$opens" <<<"$text"; then
            complain "$file opens files for writing; base/file.h does that"
        fi
        case $file in
        server/http.c) ;;
        *) grep -q '^#include <microhttpd.h>' "$file" && complain "$file includes <microhttpd.h>; only server/http.c may" ;;
        esac
        if [ "$folder" != server ] && grep -q '^#include <jansson.h>' "$file"; then complain "$file includes <jansson.h>; only server/ may"; fi
    done
done
twice=$(for folder in $folders tests; do ls "$folder"/*.[ch] 2>/dev/null; done | xargs -n1 basename | sort | uniq -d)
[ -z "$twice" ] || complain "file names that stand twice: $twice"
if [ "$bad" -gt 0 ]; then
    echo "check_tree: $bad complaints" >&2
    exit 1
fi
echo "check_tree: the law of arrows holds"
