"""A proxy that cuts its first connections behind a number of bytes of the answer, as a network
does. Standard library only."""

import socket
import threading


class CuttingProxy:
    """Listens on .port and hands on to `port`; connection i is cut behind cuts[i] bytes of the
    answer, those behind the last cut not at all. .connections counts them; .requests keeps the
    head of each."""

    def __init__(self, port, cuts):
        self.target, self.cuts = port, list(cuts)
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
            threading.Thread(target=self._serve, args=(client, number), daemon=True).start()

    def _serve(self, client, number):
        left = self.cuts[number] if number < len(self.cuts) else None
        server = socket.create_connection(("127.0.0.1", self.target))
        threading.Thread(target=self._hand_on, args=(client, server), daemon=True).start()
        try:
            while left is None or left > 0:
                data = server.recv(65536 if left is None else min(left, 65536))
                if not data:
                    break
                client.sendall(data)
                left = None if left is None else left - len(data)
        except OSError:
            pass
        for end in (client, server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def _hand_on(self, client, server):
        first = True
        try:
            while True:
                data = client.recv(65536)
                if not data:
                    return
                if first:
                    self.requests.append(data.split(b"\r\n\r\n")[0].decode("latin-1"))
                    first = False
                server.sendall(data)
        except OSError:
            pass
