"""The events of a job as they happen, over connections that may be cut."""

from __future__ import annotations

import http.client
import json
import random
import time
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

from .errors import Busy, ConnectionFailed, VecmillError
from .transport import Transport, segment

ENDED = ("succeeded", "failed", "cancelled")
SILENCE = 60.0  # seconds without even a heartbeat, which come every 15: the connection is dead


class Event(NamedTuple):
    """What a job told: `kind` is state, progress, epoch, evaluation or log."""

    id: Optional[int]
    kind: str
    data: Dict[str, Any]


def read_stream(lines: Iterator[bytes]) -> Iterator[Event]:
    """Events of a text/event-stream; one that was cut off is left out."""
    number: Optional[int] = None
    kind, data = "message", []  # type: str, List[str]
    for raw in lines:
        line = raw.decode("utf-8", "replace")
        if not line.endswith("\n"):
            return
        line = line.rstrip("\r\n")
        if not line:
            if data:
                yield Event(number, kind, json.loads("\n".join(data)))
            kind, data = "message", []
            continue
        name, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if name == "id" and value.isdigit():
            number = int(value)
        elif name == "event":
            kind = value
        elif name == "data":
            data.append(value)


def follow(
    transport: Transport,
    job: str,
    last: Optional[int] = None,
    patience: float = 300.0,
    end: Optional[float] = None,
) -> Iterator[Event]:
    """Every event behind `last`, each once, until the job has ended. A stream that is cut is taken
    up again by Last-Event-ID, also behind a restart of the server; ConnectionFailed is raised when
    that was in vain for `patience` seconds. At `end` (of time.monotonic) it returns."""
    path = "/v1/jobs/%s/events" % segment(job)
    heard, wait = time.monotonic(), 0.1
    while end is None or time.monotonic() < end:
        trouble: Optional[VecmillError] = None
        connection: Optional[http.client.HTTPConnection] = None
        pause = 0.0
        try:
            headers = {} if last is None else {"Last-Event-ID": str(last)}
            response, connection = transport.open(
                "GET",
                path,
                headers=headers,
                accept="text/event-stream",
                retries=0,
                timeout=SILENCE if end is None else max(0.05, min(SILENCE, end - time.monotonic())),
            )
            if response.status == 204:
                return
            sock = connection.sock

            def lines() -> Iterator[bytes]:
                nonlocal heard, wait
                for line in iter(response.readline, b""):
                    heard, wait = time.monotonic(), 0.1  # heartbeats count, too
                    yield line
                    if end is not None:
                        if heard >= end:
                            return
                        if sock is not None:
                            sock.settimeout(max(0.05, min(SILENCE, end - heard)))

            for event in read_stream(lines()):
                last = event.id if event.id is not None else last
                yield event
                if end is not None and time.monotonic() >= end:
                    return
                if event.kind == "state" and event.data.get("state") in ENDED:
                    return
        except (ConnectionFailed, Busy) as error:
            trouble, pause = error, error.retry_after or 0.0
        except VecmillError as error:
            if error.status is None or error.status < 500:
                raise
            trouble = error
        except (OSError, http.client.HTTPException) as error:
            trouble = ConnectionFailed("the event stream was cut: %s" % error)
        finally:
            if connection is not None:
                connection.close()
        if time.monotonic() - heard > patience:
            raise trouble or ConnectionFailed("the event stream of job %s tells nothing" % job)
        time.sleep(min(max(pause, wait * (1 + random.random())), 10.0))
        wait = min(wait * 2, 5.0)
