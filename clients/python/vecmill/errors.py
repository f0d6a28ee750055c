"""What goes wrong, as exceptions with the server's own words."""

from __future__ import annotations

import json
import re
from email.message import Message
from typing import Any, Dict, List, Optional, Type


class VecmillError(Exception):
    """Base of all errors of this package.

    `str(error)` is what the server said: what is wrong, the bound, and the way out.

    status       of HTTP; None where no answer came
    type         the last part of the problem's type: "refused", "not_found", ...
    title        the meaning of the status
    detail       what is wrong (the same text as `str(error)`)
    errors       [{"pointer", "detail"}]: the members of the request that are at fault
    param        the first of them, as a name
    suggestions  words, models or settings that the server thinks were meant
    word         the word that is not known
    request_id   as in the server's log
    retry_after  seconds after which the server says to try again
    document     the whole answer, as JSON
    """

    def __init__(self, detail: str = "", **fields: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status: Optional[int] = fields.get("status")
        self.type: Optional[str] = fields.get("type")
        self.title: Optional[str] = fields.get("title")
        self.errors: List[Dict[str, str]] = list(fields.get("errors") or [])
        self.param: Optional[str] = fields.get("param")
        self.suggestions: List[str] = list(fields.get("suggestions") or [])
        self.word: Optional[str] = fields.get("word")
        self.request_id: Optional[str] = fields.get("request_id")
        self.retry_after: Optional[float] = fields.get("retry_after")
        self.document: Dict[str, Any] = dict(fields.get("document") or {})

    def __str__(self) -> str:
        # KeyError, of which some of these are, would show its argument in quotes.
        return self.detail


class ConnectionFailed(VecmillError, ConnectionError):
    """No answer came: nobody listens, the name is not known, the connection was cut."""


class RequestTimeout(ConnectionFailed, TimeoutError):
    """No answer came in time."""


class BadRequest(VecmillError, ValueError):
    """400: what was sent is not what it claims to be."""


class AuthenticationError(VecmillError):
    """401: a key is needed, or the one that was sent is none of this service."""


class PermissionDenied(VecmillError):
    """403: the key does not allow this."""


class NotFound(VecmillError, LookupError):
    """404: no such model, corpus, job or file."""


class UnknownWord(NotFound, KeyError):
    """404: the model has no such word. It is a KeyError, as in gensim and in a dict."""


class Conflict(VecmillError):
    """409: in the way of something, such as a corpus that a job needs."""


class TooLarge(VecmillError, ValueError):
    """413: over a limit of the service, which the text names."""


class Unsupported(VecmillError, ValueError):
    """406, 415: the service does not take this kind of file."""


class Refused(VecmillError, ValueError):
    """422: understood, and refused: an unknown setting, a value out of its bounds."""


class Busy(VecmillError):
    """429, 503: too much to do now, or a quota of the key is used up."""


class ServerError(VecmillError):
    """5xx: the service or its disk failed."""


class JobFailed(VecmillError):
    """A training that failed or was cancelled. `job` is the record of it."""

    def __init__(self, detail: str = "", **fields: Any) -> None:
        super().__init__(detail, **fields)
        self.job: Dict[str, Any] = dict(fields.get("job") or {})


_BY_STATUS: Dict[int, Type[VecmillError]] = {
    400: BadRequest,
    401: AuthenticationError,
    403: PermissionDenied,
    404: NotFound,
    406: Unsupported,
    409: Conflict,
    413: TooLarge,
    415: Unsupported,
    422: Refused,
    429: Busy,
    503: Busy,
}


def seconds_to_wait(headers: Message) -> Optional[float]:
    """Retry-After in seconds; None where it is not there or a date."""
    text = headers.get("Retry-After")
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:
        return None


def error_of_answer(status: int, headers: Message, body: bytes) -> VecmillError:
    """The exception for an answer: a problem document (RFC 9457) or OpenAI's shape."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        document = {}
    fields: Dict[str, Any] = {"status": status, "document": document}
    fields["retry_after"] = seconds_to_wait(headers)
    fields["request_id"] = document.get("request_id") or headers.get("X-Request-Id")
    inner = document.get("error")
    if isinstance(inner, dict):
        detail, fields["type"] = inner.get("message"), inner.get("code")
        fields["param"] = inner.get("param")
        fields["suggestions"], fields["word"] = inner.get("suggestions"), inner.get("word")
        if fields["param"]:
            fields["errors"] = [{"pointer": "#/" + str(inner["param"]), "detail": str(detail)}]
    else:
        detail = document.get("detail")
        fields["type"] = str(document.get("type") or "").rsplit("/", 1)[-1] or None
        fields["errors"] = document.get("errors")
        fields["suggestions"], fields["word"] = document.get("suggestions"), document.get("word")
        if fields["errors"]:
            fields["param"] = str(fields["errors"][0].get("pointer", "")).lstrip("#/") or None
    fields["title"] = document.get("title")
    if not fields["suggestions"]:
        fields["suggestions"] = re.findall(r"did you mean '([^']+)'", str(detail))
    if not detail:
        shown = body[:200].decode("utf-8", "replace").strip()
        if shown and headers.get("Content-Type", "").startswith("text/plain"):
            detail = shown
    if not detail:
        detail = "HTTP status %d without an explanation: is this vecmill? %s" % (status, shown)
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else VecmillError)
    if status == 404 and fields["word"] is not None:
        kind = UnknownWord
    return kind(str(detail), **fields)
