#!/bin/bash
# Builds the Dockerfile without an engine or an image registry (buildah on a debootstrapped base),
# and runs the image: read-only root, no capabilities, only /data written; healthcheck, a training
# job, SIGTERM. Needs root, a root file system that is a mount, buildah, debootstrap and bubblewrap;
# says so and skips where they cannot be had, but not in CI.
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
server=""
cleanup() {
    # The sandbox, and with it all that runs inside.
    [ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true
    [ -z "$container" ] || buildah rm "$container" >/dev/null 2>&1 || true
    buildah rmi -f "localhost/$image" >/dev/null 2>&1 || true
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
