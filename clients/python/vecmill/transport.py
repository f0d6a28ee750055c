"""Requests over http.client: connections that are kept, keys, TLS, time-outs, second tries."""

from __future__ import annotations

import errno
import http.client
import json as json_module
import os
import random
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request
import warnings
from email.message import Message
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, Union

from .errors import ConnectionFailed, RequestTimeout, VecmillError, error_of_answer

Body = Union[None, bytes, Iterable[bytes]]
Query = Union[None, Mapping[str, Any], Iterable[Tuple[str, Any]]]
KEPT = 4  # idle connections
IDLE = 20.0  # seconds after which an idle connection is not used again
FIRST_WAIT = 0.25  # seconds before the second try, doubled each time
LOCAL = ("localhost", "127.0.0.1", "::1")


class Answer:
    """Status, header fields and body of an answer."""

    def __init__(self, status: int, headers: Message, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        try:
            return json_module.loads(self.body)
        except ValueError:
            raise VecmillError(
                "the answer is no JSON: is this vecmill? It begins with %r" % self.body[:80],
                status=self.status,
            ) from None


class _Watched:
    """Pieces of a body; remembers what the caller's iterator raised, which is not ours to mend."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces = iter(pieces)
        self.failure: Optional[BaseException] = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            for piece in self.pieces:
                if piece:
                    yield piece
        except GeneratorExit:
            raise
        except BaseException as failure:
            self.failure = failure
            raise


def target_of(path: str, query: Query) -> str:
    """The path with its query; entries that are None are left out."""
    if not query:
        return path
    entries = query.items() if isinstance(query, Mapping) else query
    pairs: List[Tuple[str, str]] = []
    for name, value in entries:
        if value is None:
            continue
        pairs.append(
            (name, ("true" if value else "false") if isinstance(value, bool) else str(value))
        )
    return path + (
        "?" + urllib.parse.urlencode(pairs, quote_via=urllib.parse.quote) if pairs else ""
    )


def segment(name: str) -> str:
    """A name as one segment of a path."""
    if not isinstance(name, str) or not name:
        raise ValueError("a name must be a text that is not empty, not %r" % (name,))
    return urllib.parse.quote(name, safe="")


def tls_context(
    ca_file: Optional[str], client_cert: Union[None, str, Tuple[str, str]], verify: bool
) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if client_cert is not None:
        files = (client_cert,) if isinstance(client_cert, str) else client_cert
        context.load_cert_chain(*files)
    return context


class Transport:
    """Sends requests to one server. Threads may share it; it can be pickled."""

    def __init__(
        self,
        url: str,
        key: Optional[str],
        *,
        timeout: float,
        connect_timeout: float,
        retries: int,
        max_wait: float,
        ca_file: Optional[str],
        client_cert: Union[None, str, Tuple[str, str]],
        verify: bool,
        user_agent: str,
    ) -> None:
        if "://" not in url and not url.startswith(("http:", "https:")):
            url = "http://" + url
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("url must be like http://127.0.0.1:8080 or https://host, not %r" % url)
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("url has no user, query or fragment; a key is given as key=...")
        self.tls = parts.scheme == "https"
        self.host, self.port = parts.hostname, parts.port or (443 if self.tls else 80)
        self.base, self.url = parts.path.rstrip("/"), url.rstrip("/")
        self.key = key.strip() if key else None
        if self.key and not (self.key.isascii() and self.key.isprintable() and " " not in self.key):
            raise ValueError("the key has characters that no key has")
        if self.key and not self.tls and self.host not in LOCAL:
            warnings.warn("the key goes to %s as plain text: use https" % self.host, stacklevel=4)
        self.timeout, self.connect_timeout = timeout, connect_timeout
        self.retries, self.max_wait = retries, max_wait
        self.ca_file, self.client_cert, self.verify = ca_file, client_cert, verify
        self.user_agent = user_agent
        self._begin()

    def _begin(self) -> None:
        self.lock, self.idle = threading.Lock(), []  # type: threading.Lock, List[Any]
        self.owner = os.getpid()
        self.context = (
            tls_context(self.ca_file, self.client_cert, self.verify) if self.tls else None
        )

    def __getstate__(self) -> Dict[str, Any]:
        left = ("lock", "idle", "context", "owner")
        return {name: value for name, value in self.__dict__.items() if name not in left}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    # ---- connections ---------------------------------------------------------------------------

    def _proxy(self) -> Optional[urllib.parse.SplitResult]:
        """The proxy of the environment (https_proxy, no_proxy); none for this machine."""
        if self.host in LOCAL or urllib.request.proxy_bypass(self.host):
            return None
        text = urllib.request.getproxies().get("https" if self.tls else "http")
        return urllib.parse.urlsplit(text if "://" in text else "http://" + text) if text else None

    def _connect(self) -> http.client.HTTPConnection:
        proxy = self._proxy()
        host, port = self.host, self.port
        if proxy is not None and proxy.hostname:
            host, port = proxy.hostname, proxy.port or 80
        connection: http.client.HTTPConnection
        if self.tls:
            connection = http.client.HTTPSConnection(
                host, port, timeout=self.connect_timeout, context=self.context
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=self.connect_timeout)
        if proxy is not None:
            connection.set_tunnel(self.host, self.port)
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return connection

    def _take(self, fresh: bool) -> Tuple[http.client.HTTPConnection, bool]:
        """A connection, and whether it was used before."""
        if self.owner != os.getpid():
            # Behind a fork the connections are the parent's.
            self.idle, self.lock, self.owner = [], threading.Lock(), os.getpid()
        while not fresh:
            with self.lock:
                if not self.idle:
                    break
                since, connection = self.idle.pop()
            if time.monotonic() - since < IDLE:
                return connection, True
            connection.close()
        return self._connect(), False

    def _give_back(self, connection: http.client.HTTPConnection) -> None:
        with self.lock:
            if connection.sock is not None and len(self.idle) < KEPT:
                self.idle.append((time.monotonic(), connection))
                return
        connection.close()

    def close(self) -> None:
        with self.lock:
            idle, self.idle = self.idle, []
        for _, connection in idle:
            connection.close()

    # ---- one request ---------------------------------------------------------------------------

    def _headers(self, headers: Optional[Mapping[str, str]], accept: str) -> Dict[str, str]:
        all_headers = {"Accept": accept, "User-Agent": self.user_agent}
        if self.key:
            all_headers["Authorization"] = "Bearer " + self.key
        all_headers.update(headers or {})
        return all_headers

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        body: Body,
        headers: Dict[str, str],
        timeout: float,
    ) -> http.client.HTTPResponse:
        connection.sock.settimeout(timeout)
        chunked = isinstance(body, _Watched) and "Content-Length" not in headers
        if chunked:
            headers = dict(headers, **{"Transfer-Encoding": "chunked"})
        if body is None and method in ("POST", "PUT", "PATCH"):
            headers = dict(headers, **{"Content-Length": "0"})
        try:
            connection.request(method, self.base + target, body, headers, encode_chunked=chunked)
        except (BrokenPipeError, ConnectionResetError) as error:
            # Refused while it was sent: the answer may be there all the same.
            if _failure_of(body) is error or connection.sock is None:
                raise
        response = connection.getresponse()
        bodied = method != "HEAD" and response.status not in (204, 304)
        if bodied and response.length is None and not response.chunked:
            # http.client takes a head that was cut for a whole one; ours always tell a length.
            raise http.client.IncompleteRead(b"")
        return response

    def _failure(self, error: Exception) -> ConnectionFailed:
        """An exception of sockets as one of ours, with what to do about it."""
        where, why = self.url, str(error) or type(error).__name__
        if isinstance(error, ssl.SSLCertVerificationError):
            return ConnectionFailed(
                "the certificate of %s is not trusted: %s; ca_file= names the file of an "
                "authority of your own" % (where, error.verify_message)
            )
        if isinstance(error, ssl.SSLError) and "WRONG_VERSION" in why:
            return ConnectionFailed("%s does not speak TLS: try http://" % where)
        if isinstance(error, (socket.timeout, TimeoutError)):
            return RequestTimeout(
                "no answer from %s within %g seconds (timeout=...)" % (where, self.timeout)
            )
        if isinstance(error, ConnectionRefusedError):
            return ConnectionFailed(
                "nobody listens at %s: is the server running? ('vecmill serve')" % where
            )
        if isinstance(error, socket.gaierror):
            return ConnectionFailed("the host of %s is not known: %s" % (where, why))
        hint = "" if self.tls else "; does the server speak TLS (https://)?"
        if isinstance(error, (http.client.RemoteDisconnected, http.client.BadStatusLine)):
            return ConnectionFailed("%s ended the connection without an answer%s" % (where, hint))
        return ConnectionFailed("the connection to %s failed: %s" % (where, why))

    @staticmethod
    def _passes(error: Exception) -> bool:
        """May it help to try again?"""
        if isinstance(error, (ssl.SSLError, socket.gaierror, socket.timeout, TimeoutError)):
            return False
        if isinstance(error, OSError) and error.errno in (errno.ECONNREFUSED, errno.ENOENT):
            return False
        return True

    def open(
        self,
        method: str,
        path: str,
        *,
        query: Query = None,
        body: Body = None,
        headers: Optional[Mapping[str, str]] = None,
        accept: str = "application/json",
        timeout: Optional[float] = None,
        expected: Tuple[int, ...] = (),
        retries: Optional[int] = None,
    ) -> Tuple[http.client.HTTPResponse, http.client.HTTPConnection]:
        """Sends a request, again where that helps, and returns the answer with its body unread.
        A body that is an iterator is sent once. Statuses from 400 on that are not `expected` are
        raised."""
        target, all_headers = target_of(path, query), self._headers(headers, accept)
        replayable = _replays(body)
        if not (body is None or isinstance(body, bytes)):
            body = _Watched(body)
        left = (self.retries if retries is None else retries) if replayable else 0
        wait, fresh = FIRST_WAIT, not replayable
        while True:
            used = False
            connection: Optional[http.client.HTTPConnection] = None
            try:
                connection, used = self._take(fresh)
                response = self._send(
                    connection,
                    method,
                    target,
                    body,
                    all_headers,
                    self.timeout if timeout is None else timeout,
                )
            except BaseException as error:
                if connection is not None:
                    connection.close()
                ours = isinstance(error, (OSError, http.client.HTTPException))
                if not ours or _failure_of(body) is error:
                    raise
                assert isinstance(error, Exception)
                if used and self._passes(error):
                    fresh = True  # it was idle for too long: this costs no try
                    continue
                if left <= 0 or not self._passes(error):
                    raise self._failure(error) from error
                left, pause = left - 1, wait * (1 + random.random())
            else:
                if response.status < 400 or response.status in expected:
                    return response, connection
                failed = error_of_answer(
                    response.status, response.headers, self._rest(response, connection)
                )
                if failed.status not in (429, 502, 503, 504) or left <= 0:
                    raise failed
                pause = wait if failed.retry_after is None else failed.retry_after
                if pause > self.max_wait:
                    raise failed
                left -= 1
            time.sleep(pause)
            wait *= 2

    def _rest(
        self, response: http.client.HTTPResponse, connection: http.client.HTTPConnection
    ) -> bytes:
        """The body of an answer; the connection is kept for the next request."""
        try:
            body = response.read()
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self._give_back(connection)
        return body

    def request(self, method: str, path: str, *, json: Any = None, **options: Any) -> Answer:
        """One request and its whole answer."""
        if json is not None:
            options["body"] = encode_json(json)
            options["headers"] = dict(
                options.get("headers") or {}, **{"Content-Type": "application/json"}
            )
        for last in (False, True):
            response, connection = self.open(method, path, **options)
            try:
                body = self._rest(response, connection)
                return Answer(response.status, response.headers, body)
            except (OSError, http.client.HTTPException) as error:
                # Cut within the answer: what only asks may ask again.
                if last or not self._passes(error) or not _replays(options.get("body")):
                    raise self._failure(error) from error
        raise AssertionError("not reached")


def _replays(body: Body) -> bool:
    return body is None or isinstance(body, bytes)


def _failure_of(body: Body) -> Optional[BaseException]:
    """What the caller's own iterator raised."""
    return body.failure if isinstance(body, _Watched) else None


def encode_json(document: Any) -> bytes:
    """JSON as UTF-8. NaN and half surrogates, which JSON cannot hold, are a ValueError."""
    text = json_module.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8")
