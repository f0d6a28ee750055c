#!/bin/bash
# What is installed beside the program: man pages without a warning, completion that offers every
# option, and `cmake --install` with a unit whose ExecStart serves. With TEST_DEEP also the Debian
# package: built twice to the same bytes, clean for lintian, its service started as another user.
set -euo pipefail
. "$(dirname "$0")/../support/service.sh"
work=$(mktemp -d)
server=""
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
VECMILL=$(realpath "$VECMILL")

for tool in groff mandoc zsh fish; do
    command -v $tool >/dev/null || echo "e2e_package: no $tool here: it was not asked"
done

# ---- man pages ----
"$VECMILL" help man >"$work/vecmill.1"
"$VECMILL" help man conf >"$work/vecmill.conf.5"
while read -r name; do
    grep -q "^.SS $name\$" "$work/vecmill.1" || fail "vecmill.1 has no command $name"
done < <("$VECMILL" help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
settings=$(sed -n 's/^SETTING_[A-Z_]*(\([a-z0-9_]*\),.*/\1/p' config/settings.def)
for name in $settings; do
    grep -qF "\\fB${name}\\fR" "$work/vecmill.conf.5" || fail "vecmill.conf.5 has no $name"
done
if command -v groff >/dev/null; then
    for page in "$work"/vecmill.*; do
        found=$(groff -man -ww -Tascii "$page" 2>&1 >/dev/null)
        [ -z "$found" ] || fail "groff: $found"
    done
fi
if command -v mandoc >/dev/null; then
    mandoc -T lint -W warning "$work/vecmill.1" "$work/vecmill.conf.5" || fail "mandoc complains"
fi

# ---- completion ----
for shell in bash zsh fish; do
    "$VECMILL" help completion $shell >"$work/completion.$shell"
    if command -v $shell >/dev/null; then
        $shell -n "$work/completion.$shell" || fail "completion for $shell is no script of it"
    fi
done
. "$work/completion.bash"
offers() { # COMMAND WORD...: what bash offers for the last word
    COMP_WORDS=(vecmill "$@")
    COMP_CWORD=$#
    COMPREPLY=()
    _vecmill
    printf '%s\n' "${COMPREPLY[@]}"
}
commands=$("$VECMILL" help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ "$(offers '' | grep -v '^-' | sort)" = "$(sort <<<"$commands")" ] || fail "commands: $(offers '')"
for name in $commands; do
    offered=$(offers "$name" --)
    while read -r option; do
        grep -qxF -- "$option" <<<"$offered" || fail "bash does not offer $name $option"
        grep -qF -- "'$option" "$work/completion.zsh" || [ "$name" = help ] ||
            fail "zsh does not offer $option"
        grep -qF -- "from $name' -l ${option#--} " "$work/completion.fish" ||
            fail "fish does not offer $name $option"
    done < <("$VECMILL" help "$name" | sed -n 's/^  \(--[a-z0-9-]*\).*/\1/p')
done
[ "$(offers train --architecture '' | xargs)" = "skipgram cbow" ] || fail "values of a choice"
[ "$(offers train --architecture = cb)" = cbow ] || fail "values behind ="
"$VECMILL" help completion tcsh >/dev/null 2>"$work/err" && fail "tcsh is taken"
grep -q "bash, zsh or fish" "$work/err" || fail "$(cat "$work/err")"

# ---- cmake --install, and the unit's command line ----
serves() { # UNIT ROOT [COMMAND...]: its ExecStart, below ROOT, by way of the command
    local unit=$1 root=$2 line
    shift 2
    find_port
    line=$(sed -n 's/^ExecStart=//p' "$unit")
    read -r -a line <<<"${line//--config \//--config $root/}"
    line[0]=$root${line[0]}
    mkdir -p "$work/data.$port"
    chmod 777 "$work" "$work/data.$port"
    VECMILL_DATA=$work/data.$port/d VECMILL_LISTEN=127.0.0.1:$port "$@" "${line[@]}" \
        2>"$work/log" &
    server=$!
    wait_until is_open "$port" || fail "does not serve: $(cat "$work/log")"
    "$VECMILL" healthcheck --listen "127.0.0.1:$port" || fail "is not well"
    kill "$server"
    wait "$server" || fail "did not end well: $(cat "$work/log")"
    server=""
}
if [ -n "${BUILD:-}" ] && [ -f "$BUILD/share/vecmill.1" ]; then
    DESTDIR=$work/root cmake --install "$BUILD" >"$work/install.log" 2>&1 ||
        fail "cmake --install: $(tail -5 "$work/install.log")"
    prefix=$work/root$(sed -n 's/^CMAKE_INSTALL_PREFIX:PATH=//p' "$BUILD/CMakeCache.txt")
    for file in bin/vecmill share/man/man1/vecmill.1 share/man/man5/vecmill.conf.5 \
        share/bash-completion/completions/vecmill lib/systemd/system/vecmill.service \
        share/doc/vecmill/LICENSE share/doc/vecmill/examples/vecmill.conf \
        share/doc/vecmill/docs/operations.md; do
        [ -s "$prefix/$file" ] || fail "not installed: $file"
    done
    echo "dim = 7" >"$(find "$work/root" -path '*/etc/vecmill/vecmill.conf')"
    DESTDIR=$work/root cmake --install "$BUILD" >/dev/null
    grep -q "dim = 7" "$(find "$work/root" -path '*/etc/vecmill/vecmill.conf')" ||
        fail "an operator's settings file was overwritten"
    serves "$prefix/lib/systemd/system/vecmill.service" "$work/root" env
else
    echo "e2e_package: no pages in '${BUILD:-}' (target pages): cmake --install was not tried"
fi

# ---- what is in an image ----
if [ -f /var/lib/dpkg/status ]; then
    SOURCE_DATE_EPOCH=0 scripts/make-sbom >"$work/sbom"
    SOURCE_DATE_EPOCH=0 scripts/make-sbom | cmp - "$work/sbom" || fail "two lists differ"
    [ "$(dpkg-query -W -f '${db:Status-Status}\n' | grep -cx installed)" = \
        "$(grep -c '"purl"' "$work/sbom")" ] || fail "packages are missing from the list"
fi

# ---- the Debian package ----
if [ -n "${TEST_DEEP:-}" ] && command -v dpkg-deb >/dev/null; then
    package=$(scripts/make-deb build/deb) || fail "make-deb"
    first=$(sha256sum <"$package")
    package=$(scripts/make-deb build/deb)
    [ "$first" = "$(sha256sum <"$package")" ] || fail "the package differs from one to the next"
    if command -v lintian >/dev/null; then
        lintian --allow-root --fail-on error,warning "$package" || fail "lintian complains"
    else
        echo "e2e_package: no lintian here: it was not asked"
    fi
    dpkg-deb -x "$package" "$work/deb"
    user=env
    [ "$(id -u)" != 0 ] || user="setpriv --reuid=nobody --regid=nogroup --clear-groups"
    chmod -R go+rX "$work"
    serves "$work/deb/usr/lib/systemd/system/vecmill.service" "$work/deb" $user
fi
[ -n "${TEST_DEEP:-}" ] || echo "e2e_package: the Debian package is built with TEST_DEEP only"
echo "e2e_package: pages, completion and what is installed fit"
