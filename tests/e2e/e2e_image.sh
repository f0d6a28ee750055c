#!/bin/bash
# Builds the Dockerfile without an engine or an image registry (buildah on a debootstrapped base),
# and runs the image: read-only root, no capabilities, only /data written; healthcheck, a training
# job, SIGTERM. With TEST_DEEP also: built twice, from two checkouts and without a cache, it has the
# same layers; and the Debian package is installed by dpkg, serves, and is purged. Needs root, a
# root file system that is a mount, buildah, debootstrap and bubblewrap; says so and skips where
# they cannot be had, but not in CI.
set -euo pipefail
. "$(dirname "$0")/../support/service.sh"
skip() {
    echo "SKIPPED e2e_image: $*" >&2
    [ -z "${CI:-}" ] || fail "may not be skipped in CI"
    exit 77
}
[ "$(id -u)" = 0 ] || skip "needs root"
command -v apt-get >/dev/null || skip "needs apt"
# bubblewrap pivots the root, which the kernel refuses where / is no mount of its own.
awk '$5 == "/" { found = 1 } END { exit !found }' /proc/self/mountinfo ||
    skip "the root is no mount of its own (a plain chroot), so no container can be made in it"
scripts/install-packages buildah debootstrap bubblewrap ca-certificates ||
    skip "cannot install buildah, debootstrap, bubblewrap"
work=$(mktemp -d)
image=vecmill-test-$$
container=""
deb=""
server=""
cleanup() {
    # The sandbox, and with it all that runs inside.
    [ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true
    [ -z "$container" ] || buildah rm "$container" >/dev/null 2>&1 || true
    [ -z "$deb" ] || buildah rm "$deb" >/dev/null 2>&1 || true
    for made in "$image" "$image-a" "$image-b"; do
        buildah rmi -f "localhost/$made" >/dev/null 2>&1 || true
    done
    rm -rf "$work"
}
trap cleanup EXIT
# A command that fails where no message is foreseen tells which it was.
trap 'echo "e2e_image: line $LINENO failed: $BASH_COMMAND" >&2' ERR

base=docker.io/library/debian:bookworm-slim
if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
    sources=/etc/apt/sources.list.d/debian.sources
    mirror=$(awk '/^URIs:/{print $2; exit}' "$sources" 2>/dev/null || true)
    [ -n "$mirror" ] || mirror=$(awk '$1 == "deb" {print $2; exit}' /etc/apt/sources.list)
    echo "making a base system with debootstrap"
    debootstrap --variant=minbase --include=ca-certificates bookworm "$work/rootfs" "$mirror" \
        >"$work/log" 2>&1 || fail "debootstrap: $(tail -5 "$work/log")"
    if [ -f "$sources" ]; then
        rm -f "$work/rootfs/etc/apt/sources.list"
        cp "$sources" "$work/rootfs/etc/apt/sources.list.d/"
    fi
    cp -r /etc/apt/apt.conf.d/. "$work/rootfs/etc/apt/apt.conf.d/" 2>/dev/null || true
    c=$(buildah from scratch)
    buildah add -q "$c" "$work/rootfs" / >/dev/null
    buildah config --cmd /bin/bash "$c"
    buildah commit -q --rm "$c" "$base" >/dev/null
fi
echo "building the Dockerfile"
buildah bud --isolation chroot --pull-never --layers --format docker -t "$image" . \
    >"$work/log" 2>&1 || fail "buildah: $(tail -30 "$work/log")"
container=$(buildah from --pull-never "localhost/$image")
user=$(buildah inspect --format '{{.OCIv1.Config.User}}' "$container")
[ "$user" = 10001:10001 ] || fail "the image runs as '$user', not 10001"
buildah inspect "$container" | grep -qi healthcheck || fail "the image has no HEALTHCHECK"
root=$(buildah mount "$container")
[ -z "$(find "$root" -xdev -perm /6000 -type f)" ] || fail "set-uid programs in the image"
version=$(sed -n 's/^project(vecmill VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
labels=$(buildah inspect "$container" | jq -c .OCIv1.config.Labels)
[ "$(jq -r '.["org.opencontainers.image.version"]' <<<"$labels")" = "$version" ] ||
    fail "labels: $labels"
for label in title revision description licenses; do
    jq -e --arg l "org.opencontainers.image.$label" 'has($l)' <<<"$labels" >/dev/null ||
        fail "no label $label: $labels"
done
jq -r '.metadata.component.version, (.components[] | .name + " " + .version)' \
    "$root/usr/share/doc/vecmill/sbom.cdx.json" | sort >"$work/sbom"
{
    echo "$version"
    dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${db:Status-Status} ${Package} ${Version}\n' |
        sed -n 's/^installed //p'
} | sort | cmp - "$work/sbom" || fail "the image's list of packages is not what dpkg says"
grep -q '^vecmill:[^:]*::' "$root/etc/shadow" || fail "the day of the build is in /etc/shadow"

mkdir "$work/data" # in the sandbox's user namespace its owner is 10001
find_port
inside() {
    bwrap --ro-bind "$root" / --proc /proc --dev /dev --tmpfs /tmp --bind "$work/data" /data \
        --unshare-all --share-net --uid 10001 --gid 10001 --cap-drop ALL \
        --clearenv --setenv VECMILL_DATA /data --setenv VECMILL_LISTEN "0.0.0.0:$port" \
        --setenv VECMILL_FIRST_KEY true "$@"
}
is_healthy() {
    kill -0 "$server" 2>/dev/null || fail "the server ended: $(tail -5 "$work/server.log")"
    inside /usr/local/bin/vecmill healthcheck >/dev/null 2>&1
}
inside /usr/local/bin/vecmill version || fail "the program does not run in the sandbox"
# As in a container, the program is process 1 of the sandbox; bwrap tells its number outside, and
# that process is the only one that gets a signal.
inside --die-with-parent --as-pid-1 --info-fd 3 /usr/local/bin/vecmill serve \
    >"$work/told" 2>"$work/server.log" 3>"$work/info" &
server=$!
wait_until is_healthy || fail "the server is not healthy: $(tail -5 "$work/server.log")"
url=http://127.0.0.1:$port
buildah inspect "$container" | grep -q VECMILL_FIRST_KEY=true || fail "the image makes no key"
key=$(sed -n 's/^ *\(vm_[0-9a-f]*_[0-9a-f]*\)$/\1/p' "$work/told")
[ -n "$key" ] || fail "the first start told no key: $(cat "$work/told")"
! grep -rq "${key##*_}" "$work/server.log" "$work/data" || fail "the key itself is kept"
code=$(curl -s -o "$work/answer" -w '%{http_code}' "$url/v1/models")
[ "$code" = 401 ] || fail "without a key: $code"
curl() { # from here on with the key
    command curl -H "Authorization: Bearer $key" "$@"
}
awk 'BEGIN { srand(7); for (i = 0; i < 20000; i++) {
    for (j = 0; j < 10; j++) printf "w%d ", int(exp(rand() * 6))
    print "" } }' >"$work/corpus.txt"
curl -sS --fail-with-body -T "$work/corpus.txt" "$url/v1/corpora/test" >"$work/answer" ||
    fail "upload: $(cat "$work/answer")"
body='{"corpus":"test","model":"test","settings":{"dim":16,"epochs":1}}'
curl -sS --fail-with-body -H 'Content-Type: application/json' -d "$body" "$url/v1/jobs" \
    >"$work/answer" || fail "job: $(cat "$work/answer")"
id=$(sed -n 's/.*"id": *"\([0-9a-f]*\)".*/\1/p' "$work/answer")
has_ended() {
    curl -sS "$url/v1/jobs/$id" >"$work/answer"
    state=$(sed -n 's/.*"state": *"\([a-z]*\)".*/\1/p' "$work/answer")
    case $state in
    succeeded) ;;
    failed | cancelled) fail "job: $(cat "$work/answer")" ;;
    *) return 1 ;;
    esac
}
wait_until has_ended || fail "the job does not end: $(cat "$work/answer")"
curl -sS --fail-with-body "$url/v1/models/test/neighbors?word=w1&k=3" >"$work/answer" ||
    fail "neighbours: $(cat "$work/answer")"
program=$(sed -n 's/.*"child-pid": *\([0-9]*\).*/\1/p' "$work/info")
kill -TERM "$program" || fail "process $program is gone: $(tail -5 "$work/server.log")"
code=0
wait "$server" || code=$?
server=""
[ "$code" = 0 ] || fail "exit code $code after SIGTERM: $(tail -5 "$work/server.log")"
echo "e2e_image: built, ran as 10001 on a read-only root, trained, answered, stopped cleanly"

[ -n "${TEST_DEEP:-}" ] || {
    echo "e2e_image: reproducible, and the Debian package installed: with TEST_DEEP only"
    exit 0
}

# ---- twice the same: the archive of now for both, one time, two checkouts with other modes ----
lines=$(awk '/^URIs:/ { uri = $2 } /^Suites:/ { for (i = 2; i <= NF; i++)
    printf "deb %s %s main\\n", uri, $i }' /etc/apt/sources.list.d/debian.sources 2>/dev/null ||
    true)
mkdir "$work/b"
(umask 077 && git ls-files -z | xargs -0 cp --parents -t "$work/b")
build_again() { # NAME FOLDER
    nice buildah bud --isolation chroot --pull-never --no-cache --format docker \
        --timestamp 1700000000 --build-arg SOURCE_DATE_EPOCH=1700000000 \
        --build-arg "APT_SOURCES=$lines" -t "$1" "$2" >"$work/log" 2>&1 ||
        fail "buildah: $(tail -30 "$work/log")"
    buildah inspect --type image "$1" | jq -c '.OCIv1.rootfs, .OCIv1.config' >"$work/$1"
}
contents() { # NAME: what of its files could differ
    local from mounted
    from=$(buildah from --pull-never "localhost/$1")
    mounted=$(buildah mount "$from")
    (cd "$mounted" && find . -xdev -mindepth 1 -printf '%M %U %G %T@ %p %l\n' | sort &&
        find . -xdev -type f -exec sha256sum {} + | sort)
    buildah rm "$from" >/dev/null
}
build_again "$image-a" .
build_again "$image-b" "$work/b"
[ "$(jq -s '.[0].diff_ids | length' "$work/$image-a")" -gt 1 ] || fail "no layers"
cmp "$work/$image-a" "$work/$image-b" ||
    fail "the second differs: $(diff <(contents "$image-a") <(contents "$image-b") | head -20)"
echo "e2e_image: built twice, the same $(jq -s '.[0].diff_ids | length' "$work/$image-a") layers"

# ---- installed for real: dpkg and its maintainer scripts in a system of the base image ----
host=$(. /etc/os-release && echo "$VERSION_CODENAME")
in_deb() { buildah run --isolation chroot "$deb" -- "$@" >"$work/log" 2>&1; }
must() { in_deb "$@" || fail "$*: $(tail -5 "$work/log")"; }
listed() { (cd "$debroot" && find etc usr var/lib ! -path 'var/lib/dpkg/*-old' | sort); }
enabled=etc/systemd/system/multi-user.target.wants/vecmill.service
if [ "$host" != bookworm ]; then
    echo "NOT CHECKED e2e_image: a package built on '$host' is not one for bookworm, the base"
    exit 0
fi
package=$(scripts/make-deb "$work/deb") || fail "make-deb"
deb=$(buildah from --pull-never "$base")
debroot=$(buildah mount "$deb")
cp "$package" "$debroot/vecmill.deb"
must apt-get update
must apt-get install -y --no-install-recommends systemd
must apt-get satisfy -y --no-install-recommends "$(dpkg-deb -f "$package" Depends)"
listed >"$work/before"
must dpkg -i /vecmill.deb
must dpkg --verify vecmill
[ ! -s "$work/log" ] || fail "dpkg --verify: $(cat "$work/log")"
grep -q '^vecmill:' "$debroot/etc/passwd" || fail "no user vecmill"
[ -L "$debroot/$enabled" ] || fail "the service is not enabled"
must systemd-analyze --man=no verify /lib/systemd/system/vecmill.service
# The command line, environment and user of the unit; the folder as StateDirectory makes it.
unit=$debroot/usr/lib/systemd/system/vecmill.service
read -r -a line <<<"$(sed -n 's/^ExecStart=//p' "$unit")"
uid=$(awk -F: '$1 == "vecmill" { print $3 ":" $4 }' "$debroot/etc/passwd")
mkdir -m 0700 "$debroot/var/lib/vecmill"
chown "$uid" "$debroot/var/lib/vecmill"
find_port
bwrap --ro-bind "$debroot" / --bind "$debroot/var/lib/vecmill" /var/lib/vecmill --proc /proc \
    --dev /dev --tmpfs /tmp --unshare-pid --die-with-parent --as-pid-1 --info-fd 3 --clearenv \
    --cap-add CAP_SETUID --cap-add CAP_SETGID \
    --setenv "$(sed -n 's/^Environment=\([^=]*\)=.*/\1/p' "$unit")" \
    "$(sed -n 's/^Environment=[^=]*=//p' "$unit")" --setenv VECMILL_LISTEN "127.0.0.1:$port" \
    /usr/bin/setpriv "--reuid=${uid%:*}" "--regid=${uid#*:}" --clear-groups --no-new-privs \
    "--inh-caps=-all" "${line[@]}" 2>"$work/server.log" 3>"$work/info" &
server=$!
is_ready() {
    kill -0 "$server" 2>/dev/null || fail "the service ended: $(tail -5 "$work/server.log")"
    command curl -sf "http://127.0.0.1:$port/readyz" >"$work/answer"
}
wait_until is_ready || fail "not ready: $(tail -5 "$work/server.log")"
program=$(sed -n 's/.*"child-pid": *\([0-9]*\).*/\1/p' "$work/info")
[ "$(awk '/^Uid:/ { print $2 }' "/proc/$program/status")" = "${uid%:*}" ] || fail "another user"
kill -TERM "$program"
wait "$server" || fail "exit code $? after SIGTERM: $(tail -5 "$work/server.log")"
server=""
[ -f "$debroot/var/lib/vecmill/FORMAT" ] || fail "no data in /var/lib/vecmill"
# What the administrator said stays said: settings, and that the service is off.
echo "# mine" >>"$debroot/etc/vecmill/vecmill.conf"
must systemctl disable vecmill.service
must dpkg -i /vecmill.deb
grep -q "# mine" "$debroot/etc/vecmill/vecmill.conf" || fail "settings were overwritten"
[ ! -e "$debroot/$enabled" ] || fail "enabled again, against the administrator"
must dpkg --remove vecmill
[ ! -e "$debroot/usr/bin/vecmill" ] || fail "the program stays"
[ -f "$debroot/etc/vecmill/vecmill.conf" ] || fail "remove takes the settings"
must dpkg -i /vecmill.deb
[ ! -e "$debroot/$enabled" ] || fail "enabled by coming back"
must dpkg --purge vecmill
listed >"$work/after"
# Left: the administrator's data; the user, with the copies that systemd-sysusers makes.
kept='^(var/lib/vecmill(/.*)?|etc/(passwd|group|shadow|gshadow)-|etc/\.pwd\.lock)$'
left=$(comm -13 "$work/before" "$work/after" | grep -vE "$kept" || true)
[ -z "$left" ] || fail "purge leaves $left"
gone=$(comm -23 "$work/before" "$work/after")
[ -z "$gone" ] || fail "purge takes $gone"
[ -f "$debroot/var/lib/vecmill/FORMAT" ] || fail "purge takes the administrator's data"
echo "e2e_image: the Debian package: installed, ready as vecmill, updated, removed, purged"
