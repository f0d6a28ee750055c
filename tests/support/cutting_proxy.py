"""A proxy that cuts its first connections behind a number of bytes, as a network does. Standard
library only."""

import socket
import threading


def hand_on(source, target, limit):
    """Until the source ends, or `limit` bytes (None: no limit) have passed. Yields the pieces."""
    left = limit
    while left is None or left > 0:
        data = source.recv(65536 if left is None else min(left, 65536))
        if not data:
            return
        yield data
        target.sendall(data)
        left = None if left is None else left - len(data)


class CuttingProxy:
    """Listens on .port and hands on to `port`; connection i is cut behind cuts[i] bytes of the
    answer and request_cuts[i] bytes of the requests, those behind the last cut not at all; None
    cuts none. .connections counts them; .requests keeps the head of each."""

    def __init__(self, port, cuts=(), request_cuts=()):
        self.target, self.cuts, self.request_cuts = port, list(cuts), list(request_cuts)
        self.connections, self.requests = 0, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        # A thread that waits in accept is woken by shutdown, not by close.
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            number, self.connections = self.connections, self.connections + 1
            cuts = [
                of[number] if number < len(of) else None for of in (self.cuts, self.request_cuts)
            ]
            server = socket.create_connection(("127.0.0.1", self.target))
            for work, limit in ((self._answers, cuts[0]), (self._requests, cuts[1])):
                arguments = (client, server, limit)
                threading.Thread(target=work, args=arguments, daemon=True).start()

    def _answers(self, client, server, limit):
        try:
            for _ in hand_on(server, client, limit):
                pass
        except OSError:
            pass
        cut(client, server)
        client.close()
        server.close()

    def _requests(self, client, server, limit):
        first = True
        try:
            for data in hand_on(client, server, limit):
                if first:
                    self.requests.append(data.split(b"\r\n\r\n")[0].decode("latin-1"))
                    first = False
        except OSError:
            pass
        if limit is not None:  # else the answer may still be on its way
            cut(client, server)


def cut(*ends):
    for end in ends:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
