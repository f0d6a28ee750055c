"""Files of models, to disk."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import re
import tempfile
import time
from email.message import Message
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional

from .errors import ConnectionFailed, VecmillError
from .progress import Wanted, watch_bytes

if TYPE_CHECKING:
    from .client import Client

PIECE = 1 << 18


def _digest(headers: Message) -> Optional[bytes]:
    found = re.search(r"sha-256=:([A-Za-z0-9+/=]+):", headers.get("Repr-Digest") or "")
    return base64.b64decode(found.group(1)) if found else None


def download(
    client: "Client", path: str, target: str, query: Mapping[str, Any], progress: Wanted
) -> str:
    """Writes beside `target` and renames: what stood there stays until all is there and its digest
    is right."""
    folder = os.path.dirname(os.path.abspath(target))
    handle, part = tempfile.mkstemp(prefix=".vecmill-", dir=folder)
    try:
        with os.fdopen(handle, "w+b") as file:
            _fetch(client, path, file, os.path.basename(target), query, progress)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(part, 0o666 & ~mask)
        os.replace(part, target)
    except BaseException:
        os.unlink(part)
        raise
    return target


def _fetch(
    client: "Client", path: str, file: Any, what: str, query: Mapping[str, Any], progress: Wanted
) -> None:
    etag: Optional[str] = None
    digest, heard, done = hashlib.sha256(), time.monotonic(), 0
    while True:
        headers: Dict[str, str] = {}
        if done and etag:
            headers = {"Range": "bytes=%d-" % done, "If-Range": etag}
        response, connection = client.transport.open(
            "GET", path, query=query, headers=headers, accept="*/*"
        )
        try:
            if response.status != 206 and done:  # it is another file by now
                file.seek(0)
                file.truncate()
                digest, done = hashlib.sha256(), 0
            etag = response.headers.get("ETag")
            wanted = _digest(response.headers)
            size = response.headers.get("Content-Length")
            whole = done + int(size) if size else None
            pieces = iter(lambda: response.read(PIECE), b"")
            for piece in watch_bytes(pieces, whole, what, progress, done):
                file.write(piece)
                digest.update(piece)
                done, heard = done + len(piece), time.monotonic()
            if whole is not None and done < whole:
                raise http.client.IncompleteRead(b"", whole - done)
            break
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and not isinstance(
                error, (ConnectionError, TimeoutError)
            ):
                raise  # the disk's
            if time.monotonic() - heard > client.patience or not etag:
                raise ConnectionFailed("the download was cut: %s" % error) from error
            time.sleep(0.2)
        finally:
            connection.close()
    if wanted is not None and wanted != digest.digest():
        raise VecmillError("%s arrived damaged: its SHA-256 is not the one the server tells" % what)
