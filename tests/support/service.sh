# What the end-to-end scripts share; sourced by them.

for variable in $(compgen -e VECMILL_ || true); do
    unset "$variable" # settings of whoever runs the tests are not the tests'
done

# Minutes after which a test that waits for something gives up. It only ends a test that hangs: no
# test asserts how long anything takes.
TEST_PATIENCE=${TEST_PATIENCE:-5}

fail() {
    echo "$(basename "$0" .sh): $*" >&2
    exit 1
}

# wait_until COMMAND...: runs the command until it succeeds; fails when patience ends.
wait_until() {
    local end=$((SECONDS + 60 * TEST_PATIENCE))
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}

# wait_for_port LOG: until the server that writes to LOG listens; leaves its port in $port.
wait_for_port() {
    wait_until port_is_told "$1" || fail "the server does not say where it listens: $(cat "$1")"
}
port_is_told() {
    port=$(sed -n 's/.*listening on http:\/\/127\.0\.0\.1:\([0-9]*\).*/\1/p' "$1")
    [ -n "$port" ]
}

is_open() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Leaves in $port one that is free. Below 32768, where the kernel finds ports for others.
find_port() {
    port=$((20000 + ($$ * 7 + RANDOM) % 12000))
    while is_open "$port"; do
        port=$((port + 1))
    done
}
