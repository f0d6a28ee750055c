"""Nobody locks out the others: health, metrics and what an operator needs are answered however many
connections are open; one address gets half of the room; event streams are counted apart. Standard
library only. VECMILL names the program.
"""

import os
import re
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from service import PATIENCE, Service, check, run_tests, wait_until, zipf_text

PATIENT = ("--header-timeout", "3600", "--idle-timeout", "3600")


class Client:
    """A connection, from another address of this machine where one is named."""

    def __init__(self, server, source="127.0.0.1"):
        self.sock = socket.create_connection(
            ("127.0.0.1", server.port), timeout=PATIENCE, source_address=(source, 0)
        )
        self.stream = self.sock.makefile("rb")

    def ask(self, path, method="GET", close=False):
        end = b"Connection: close\r\n\r\n" if close else b"\r\n"
        head = "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n" % (method, path)
        try:
            self.sock.sendall(head.encode() + end)
        except ConnectionError:
            return 0, {}
        return self.answer()

    def answer(self):
        """Status and fields; 0 when the connection ended without an answer."""
        try:
            line = self.stream.readline()
            headers = {}
            while line and (field := self.stream.readline()) not in (b"\r\n", b""):
                name, _, value = field.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            self.body = self.stream.read(int(headers.get("content-length", "0")))
        except ConnectionError:
            return 0, {}
        return (int(line.split()[1]) if line else 0), headers

    def close(self):
        self.stream.close()
        self.sock.close()


def ask(server, path, method="GET", source="127.0.0.1"):
    client = Client(server, source)
    status, headers = client.ask(path, method)
    client.close()
    return status, headers


def open_connections(client, kind=".*?"):
    """Connections now open, of any kind, the client that asks among them; -1 without an answer."""
    if client.ask("/metrics")[0] != 200:
        return -1
    gauge = r'^vecmill_http_connections\{kind="%s"\} (\d+)$' % kind
    counts = re.findall(gauge, client.body.decode(), re.M)
    check(counts, "no gauge of connections")
    return sum(map(int, counts))


def first_of_all(server, source="127.0.0.1"):
    """A connection beside which the server has none: one that still is on its way out, as that of
    the test's own start, would take room, and be the longest idle."""
    first = Client(server, source)
    wait_until(lambda: open_connections(first) == 1, lambda: "others do not end")
    return first


def crowd(server, n, source="127.0.0.1"):
    """n connections without a whole request, once the server has taken them all and has none but
    them. The first one asks for the others, and then begins a request, so as not to be idle between
    two of them."""
    first = first_of_all(server, source)
    clients = [first] + [Client(server, source) for _ in range(n - 1)]
    wait_until(lambda: open_connections(first) == n, lambda: "not taken")
    first.sock.sendall(b"GET / HTTP/1.1\r\n")
    return clients


def test_full():
    """503 for the ninth of eight, but health and metrics are answered; room comes back."""
    room = ("--max-connections", "8", "--max-connections-per-address", "8")
    with Service(*room, *PATIENT) as server:
        clients = crowd(server, 8)
        for source in ("127.0.0.1", "127.0.0.2"):
            wanted = 429 if source == "127.0.0.1" else 503
            for method, path in (("GET", "/v1/models"), ("GET", "/nothing"), ("GET", "/")):
                status, headers = ask(server, path, method, source)
                right = 404 if path == "/nothing" else wanted
                check(status == right, path, source, status)
                check(headers["connection"] == "close", headers)
                check(right == 404 or "retry-after" in headers, headers)
            for path in ("/healthz", "/readyz", "/metrics", "/v1/settings", "/v1/jobs"):
                status, headers = ask(server, path, source=source)
                check(status == 200 and headers["connection"] == "close", path, status, headers)
            check(ask(server, "/v1/jobs/none/cancel", "POST", source)[0] == 404, source)
        for client in clients:
            client.close()
        wait_until(lambda: ask(server, "/v1/models")[0] == 200, lambda: "no recovery")
        check(server.stop() == 0, "stop")


def test_one_address():
    """Without a setting, one address gets half of the room, and the others theirs."""
    with Service("--max-connections", "8", *PATIENT) as server:
        clients = crowd(server, 4)  # kept: a socket that nobody holds is closed
        status, headers = ask(server, "/v1/models")
        check(status == 429 and "retry-after" in headers, status, headers)
        check(ask(server, "/healthz")[0] == 200, "no health")
        check(ask(server, "/v1/models", source="127.0.0.2")[0] == 200, "another address")
        check(len(clients) == 4)
        check(server.stop() == 0, "stop")


def test_a_thousand_silent_ones():
    """More connections than the room and its reserve, all of one address, that send nothing."""
    with Service("--max-connections", "100", *PATIENT) as server:
        clients = [Client(server) for _ in range(1000)]
        for _ in range(20):
            wait_until(lambda: ask(server, "/healthz")[0] == 200, lambda: "no health")
            wait_until(
                lambda: ask(server, "/healthz", source="127.0.0.2")[0] == 200, lambda: "no health"
            )
        wait_until(
            lambda: ask(server, "/v1/models", source="127.0.0.3")[0] == 200, lambda: "locked out"
        )
        check(len(clients) == 1000)
        check(server.stop() == 0, "stop")


def test_idle_ones_give_way():
    """A connection between two requests is closed for a new one, the longest idle first."""
    room = ("--max-connections", "4", "--max-connections-per-address", "4")
    with Service(*room, *PATIENT) as server:
        held = [first_of_all(server)] + [Client(server) for _ in range(3)]
        for client in held:
            check(client.ask("/healthz")[0] == 200, "held")
        # An answer is there before the server has seen that the connection is idle.
        wait_until(lambda: open_connections(held[3], "idle") == 3, lambda: "not idle")
        check(ask(server, "/v1/models", source="127.0.0.2")[0] == 200, "none gave way")
        check(held[0].answer()[0] == 0, "the longest idle is still there")
        check(held[3].ask("/v1/models")[0] == 200, "the latest gave way")
        check(server.stop() == 0, "stop")


def test_event_streams():
    """Half of max_event_streams for one address, and none of them keeps a lookup out."""
    with Service("--max-event-streams", "4", *PATIENT) as server:
        check(server.put("/v1/corpora/c", zipf_text(200000)).status == 201, "corpus")
        job = server.submit("c", "m", epochs=100000, threads=1)
        path = "/v1/jobs/%s/events" % job
        streams = []
        for source in ("127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.2"):
            streams.append(Client(server, source))
            check(streams[-1].ask(path)[0] == 200, "stream from", source)
        for source in ("127.0.0.1", "127.0.0.3"):
            client = Client(server, source)
            status, headers = client.ask(path)
            check(status == 429 and "retry-after" in headers, status, headers)
            check(b"max_event_streams" in client.body, client.body)
            check(client.ask("/v1/models")[0] == 200, "the connection goes on")
            client.close()
        check(ask(server, path, "HEAD")[0] == 200, "HEAD needs no room")
        check(b"vecmill_http_event_streams 4\n" in server.get("/metrics").body, "gauge")
        streams.pop().close()
        wait_until(lambda: ask(server, path, source="127.0.0.3")[0] == 200, lambda: "no room")
        check(server.post("/v1/jobs/%s/cancel" % job).status == 200, "cancel")
        check(server.stop() == 0, "stop")


if __name__ == "__main__":
    sys.exit(
        run_tests(
            [
                test_full,
                test_one_address,
                test_a_thousand_silent_ones,
                test_idle_ones_give_way,
                test_event_streams,
            ]
        )
    )
