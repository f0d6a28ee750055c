"""Sends a corpus or a file: in one request, or in parts that go on after a cut."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any, Dict, Mapping

from .errors import Busy, Conflict, ConnectionFailed, NotFound, ServerError, VecmillError
from .progress import Wanted, watch_bytes
from .source import Source, file_pieces

if TYPE_CHECKING:
    from .client import Client

PARTS_FROM = 64 << 20  # bytes from which on a file goes in parts


def send(
    client: "Client",
    method: str,
    path: str,
    source: Source,
    query: Mapping[str, Any],
    what: str,
    progress: Wanted,
) -> Dict[str, Any]:
    """The JSON that the upload is answered with."""
    key = {"Idempotency-Key": uuid.uuid4().hex}
    size, file = source.size, source.path
    if file is not None and size is not None and size >= PARTS_FROM:
        return _send_parts(client, method, path, source, query, what, progress)
    headers = {**source.headers(), **key}
    body: Any
    if size is not None and size <= 1 << 20:
        body = b"".join(source.pieces)  # bytes may be sent again
        headers["Content-Length"] = str(len(body))
    else:
        body = watch_bytes(source.pieces, size, "upload " + what, progress)
    answer = client.call(method, path, query=query, body=body, headers=headers)
    return dict(answer.json)


def _send_parts(
    client: "Client",
    method: str,
    path: str,
    source: Source,
    query: Mapping[str, Any],
    what: str,
    progress: Wanted,
) -> Dict[str, Any]:
    """Begins an upload and appends until all is there; a cut costs what was under way."""
    assert source.path is not None and source.size is not None
    begun = client.call(
        method,
        path,
        query=query,
        body=b"",
        headers={
            "Content-Type": source.content_type,
            "Upload-Complete": "?0",
            "Upload-Length": str(source.size),
            "Idempotency-Key": uuid.uuid4().hex,
        },
    )
    upload = begun.headers["Location"]
    offset, heard, wait = 0, time.monotonic(), 0.1
    try:
        while True:
            pieces = file_pieces(source.path, offset, source.size - offset)
            body = watch_bytes(pieces, source.size, "upload " + what, progress, offset)
            headers = {
                "Content-Type": "application/partial-upload",
                "Upload-Offset": str(offset),
                "Upload-Complete": "?1",
                "Content-Length": str(source.size - offset),
            }
            try:
                answer = dict(client.call("PATCH", upload, body=body, headers=headers).json)
                _give_up(client, upload)  # its answer, which the server keeps, has come
                return answer
            except (ConnectionFailed, Busy, ServerError, Conflict) as error:
                trouble: VecmillError = error
            now = _offset(client, upload, trouble)
            if isinstance(trouble, Conflict) and now == offset:
                raise trouble
            if now > offset:
                offset, heard, wait = now, time.monotonic(), 0.1
            if time.monotonic() - heard > client.patience:
                raise trouble
            time.sleep(trouble.retry_after or wait)
            wait = min(2 * wait, 5.0)
    except BaseException:
        _give_up(client, upload)
        raise


def _offset(client: "Client", upload: str, trouble: VecmillError) -> int:
    """How many bytes are safe, as the server says; 0 while it cannot be asked."""
    try:
        return int(client.call("HEAD", upload, retries=0).headers.get("Upload-Offset") or 0)
    except NotFound:
        raise trouble from None
    except (ConnectionFailed, Busy, ServerError):
        return 0


def _give_up(client: "Client", upload: str) -> None:
    try:
        client.call("DELETE", upload, retries=0, timeout=5.0)
    except VecmillError:
        pass  # it expires
