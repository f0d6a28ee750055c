#!/bin/bash
# Builds the Dockerfile without an engine or an image registry (buildah on a debootstrapped base) and runs the image: read-only root, no
# capabilities, only /data written; healthcheck, a training job, SIGTERM. Needs root, buildah, debootstrap and bubblewrap; says so and skips where
# they cannot be had, but not in CI.
set -euo pipefail
skip() {
    echo "SKIPPED e2e_image: $*" >&2
    [ -z "${CI:-}" ] || { echo "e2e_image: may not be skipped in CI" >&2; exit 1; }
    exit 77
}
[ "$(id -u)" = 0 ] || skip "needs root"
command -v apt-get >/dev/null || skip "needs apt"
scripts/install-packages buildah debootstrap bubblewrap ca-certificates || skip "cannot install buildah, debootstrap, bubblewrap"
work=$(mktemp -d)
image=vecmill-test-$$
container=""
server=""
cleanup() {
    [ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
    [ -z "$container" ] || buildah rm "$container" >/dev/null 2>&1 || true
    buildah rmi -f "localhost/$image" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap cleanup EXIT

cache=build/image-base # one set-up: the base system is kept for the next call
if ! buildah inspect --type image docker.io/library/debian:bookworm-slim >/dev/null 2>&1; then
    mirror=$(awk '/^URIs:/{print $2; exit}' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
    [ -n "$mirror" ] || mirror=$(awk '$1 == "deb" {print $2; exit}' /etc/apt/sources.list)
    echo "making a base system with debootstrap"
    mkdir -p "$cache"
    debootstrap --variant=minbase --include=ca-certificates bookworm "$work/rootfs" "$mirror" >"$work/log" 2>&1 || { tail -5 "$work/log"; exit 1; }
    if [ -f /etc/apt/sources.list.d/debian.sources ]; then
        rm -f "$work/rootfs/etc/apt/sources.list"
        cp /etc/apt/sources.list.d/debian.sources "$work/rootfs/etc/apt/sources.list.d/"
    fi
    cp -r /etc/apt/apt.conf.d/. "$work/rootfs/etc/apt/apt.conf.d/" 2>/dev/null || true
    c=$(buildah from scratch)
    buildah add -q "$c" "$work/rootfs" / >/dev/null
    buildah config --cmd /bin/bash "$c"
    buildah commit -q --rm "$c" docker.io/library/debian:bookworm-slim >/dev/null
fi
echo "building the Dockerfile"
buildah bud --isolation chroot --pull-never --layers --format docker -t "$image" . >"$work/log" 2>&1 || { tail -30 "$work/log"; exit 1; }
container=$(buildah from --pull-never "localhost/$image")
[ "$(buildah inspect --format '{{.OCIv1.Config.User}}' "$container")" = 10001:10001 ] || { echo "the image does not run as 10001"; exit 1; }
buildah inspect "$container" | grep -qi healthcheck || { echo "the image has no HEALTHCHECK"; exit 1; }
root=$(buildah mount "$container")
[ -z "$(find "$root" -xdev -perm /6000 -type f)" ] || { echo "set-uid programs in the image"; exit 1; }
mkdir "$work/data" # in the sandbox's user namespace its owner is 10001
port=$((20000 + $$ % 20000))
inside() {
    bwrap --ro-bind "$root" / --proc /proc --dev /dev --tmpfs /tmp --bind "$work/data" /data --unshare-all --share-net --uid 10001 --gid 10001 \
        --cap-drop ALL --clearenv --setenv VECMILL_DATA /data --setenv VECMILL_LISTEN "0.0.0.0:$port" "$@"
}
inside /usr/local/bin/vecmill version
inside --die-with-parent /usr/local/bin/vecmill serve 2>"$work/server.log" &
server=$!
for _ in $(seq 300); do
    inside /usr/local/bin/vecmill healthcheck >/dev/null 2>&1 && break
    sleep 0.1
done
inside /usr/local/bin/vecmill healthcheck || { tail -5 "$work/server.log"; exit 1; }
url=http://127.0.0.1:$port
awk 'BEGIN { srand(7); for (i = 0; i < 20000; i++) { for (j = 0; j < 10; j++) printf "w%d ", int(exp(rand() * 6)); print "" } }' >"$work/corpus.txt"
curl -sS --fail-with-body -T "$work/corpus.txt" "$url/v1/corpora/test" >/dev/null
job=$(curl -sS --fail-with-body -H 'Content-Type: application/json' -d '{"corpus":"test","model":"test","settings":{"dim":16,"epochs":1}}' "$url/v1/jobs")
id=$(sed -n 's/.*"id": *"\([0-9a-f]*\)".*/\1/p' <<<"$job")
for _ in $(seq 300); do
    state=$(curl -sS "$url/v1/jobs/$id" | sed -n 's/.*"state": *"\([a-z]*\)".*/\1/p')
    case $state in succeeded) break ;; failed | cancelled) curl -sS "$url/v1/jobs/$id"; exit 1 ;; esac
    sleep 0.1
done
[ "$state" = succeeded ] || { echo "the job did not finish: $state"; exit 1; }
curl -sS --fail-with-body "$url/v1/models/test/neighbors?word=w1&k=3" >/dev/null
inner=$(pgrep -f "vecmill serve" | while read -r p; do [ "$(readlink /proc/$p/exe)" = /usr/local/bin/vecmill ] && echo "$p"; done | tail -1)
kill -TERM "${inner:-$server}"
code=0
wait "$server" || code=$?
server=""
[ "$code" = 0 ] || { echo "exit code $code after SIGTERM"; tail -5 "$work/server.log"; exit 1; }
echo "e2e_image: built, ran as 10001 on a read-only root, trained, answered, stopped cleanly"
