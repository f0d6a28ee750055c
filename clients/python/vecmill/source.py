"""What `train` and `upload` take, as pieces of a request body. Nothing is held as a whole."""

from __future__ import annotations

import io
import json
import os
from typing import Any, Dict, Iterable, Iterator, Optional, Union

PIECE = 1 << 18  # bytes that are sent at once
NDJSON = (".ndjson", ".jsonl", ".ndjsonl")
PACKED = (".gz", ".zst", ".bz2", ".xz", ".zip")


class Source:
    """A corpus on its way out.

    pieces       iterator over the bytes
    size         of the body, where it is known
    content_type of the request
    path         of the file that it is, if it is one: a file can be read again
    name         to call the corpus by, where the caller gives none
    """

    def __init__(
        self,
        pieces: Iterable[bytes],
        content_type: str,
        size: Optional[int] = None,
        path: Optional[str] = None,
    ) -> None:
        self.pieces, self.content_type, self.size, self.path = pieces, content_type, size, path

    def headers(self) -> Dict[str, str]:
        found = {"Content-Type": self.content_type}
        if self.size is not None:
            found["Content-Length"] = str(self.size)
        return found


def _read(file: Any, begin: int = 0, size: Optional[int] = None) -> Iterator[bytes]:
    """Pieces of a file that is open for bytes or text."""
    if begin:
        file.seek(begin)
    left = size
    while left is None or left > 0:
        piece = file.read(PIECE if left is None else min(PIECE, left))
        if not piece:
            return
        if isinstance(piece, str):
            piece = piece.encode("utf-8")
        left = None if left is None else left - len(piece)
        yield piece


def file_pieces(path: str, begin: int = 0, size: Optional[int] = None) -> Iterator[bytes]:
    with open(path, "rb") as file:
        yield from _read(file, begin, size)


def _type_of_name(name: str) -> str:
    """text/plain, or NDJSON by the ending; what packs it is told by the service itself."""
    base, end = os.path.splitext(name.lower())
    if end in PACKED:
        end = os.path.splitext(base)[1]
    return "application/x-ndjson" if end in NDJSON else "text/plain; charset=utf-8"


def _is_missing(item: Any) -> bool:
    """None, NaN, pandas' NA and NaT."""
    if item is None:
        return True
    if type(item).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(item, float) and item != item


def _document(item: Any, number: int) -> Any:
    """One item of an iterable as a line of NDJSON has it."""
    if isinstance(item, str):
        return str(item)
    if _is_missing(item):
        return None
    if isinstance(item, dict):
        return item
    if isinstance(item, (bytes, bytearray)):
        try:
            return item.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError("item %d is not UTF-8: %s" % (number, error)) from None
    if isinstance(item, os.PathLike):
        raise TypeError(
            "item %d is a path; give one path, or the lines of all files as one iterable" % number
        )
    if hasattr(item, "as_py"):  # pyarrow's
        return _document(item.as_py(), number)
    if hasattr(item, "tolist"):
        item = item.tolist()
    if isinstance(item, (list, tuple)):
        tokens = [token.item() if hasattr(token, "item") else token for token in item]
        for token in tokens:
            if isinstance(token, bool) or not isinstance(token, (str, int)):
                if not _is_missing(token):
                    raise TypeError(
                        "item %d has a token %r; tokens are texts or whole numbers"
                        % (number, token)
                    )
        return [None if _is_missing(token) else token for token in tokens]
    raise TypeError(
        "item %d is a %s; each item is a text (a sentence or document) or a list of tokens"
        % (number, type(item).__name__)
    )


def _lines(items: Iterable[Any]) -> Iterator[bytes]:
    """NDJSON: so an item may have line breaks and still is one."""
    piece = bytearray()
    for number, item in enumerate(items):
        text = json.dumps(_document(item, number), ensure_ascii=False, separators=(",", ":"))
        try:
            piece += text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError("item %d cannot be written as UTF-8: %s" % (number, error)) from None
        piece += b"\n"
        if len(piece) >= PIECE:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


def _settled(source: Source) -> Source:
    """A body that is short as a whole, with its length: such a request can be sent again."""
    pieces, held, size = iter(source.pieces), [], 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= 4 * PIECE:

            def rest() -> Iterator[bytes]:
                yield from held
                held.clear()
                yield from pieces

            return Source(rest(), source.content_type)
    return Source(held, source.content_type, size)


def source_of(
    data: Any, column: Optional[str] = None, content_type: Optional[str] = None
) -> Source:
    """Whatever is a corpus:

    * a path (pathlib, or a text without a line break): the file as it is, packed or not;
    * a text with line breaks, or bytes: the text itself, a sentence a line;
    * a file object: what it reads;
    * a pandas DataFrame with `column`, a Series, or any iterable: each item is a sentence or
      document: a text, or a list of tokens as gensim takes them. None and NaN are skipped.
    """
    if type(data).__name__ == "DataFrame" and hasattr(data, "columns"):
        if column is None:
            names = ", ".join(repr(name) for name in list(data.columns)[:10])
            raise TypeError("which column? give column=..., one of %s" % names)
        data = data[column]
    elif column is not None:
        raise TypeError("column= is for a DataFrame, not for a %s" % type(data).__name__)
    if isinstance(data, str) and ("\n" in data or "\r" in data):
        data = data.encode("utf-8")
    if isinstance(data, (bytes, bytearray, memoryview)):
        raw = bytes(data)
        kind = content_type or "text/plain; charset=utf-8"
        return Source([raw], kind, len(raw))
    if isinstance(data, (str, os.PathLike)):
        return file_source(data, content_type)
    if hasattr(data, "read"):
        name = getattr(data, "name", "")
        kind = content_type or _type_of_name(name if isinstance(name, str) else "")
        return _settled(Source(_read(data), kind))
    if not hasattr(data, "__iter__"):
        raise TypeError("a corpus is a path, a text, a file or an iterable, not %r" % (data,))
    return _settled(Source(_lines(data), content_type or "application/x-ndjson"))


def file_source(path: Union[str, "os.PathLike[str]"], content_type: Optional[str] = None) -> Source:
    name = os.fspath(path)
    if isinstance(path, str) and not os.path.exists(name):
        raise FileNotFoundError(
            "no file %r; a text that is itself the corpus has line breaks, or stands in a list"
            % (name[:200],)
        )
    if os.path.isdir(name):
        raise IsADirectoryError("%r is a folder; give one file, or an iterable of lines" % name)
    with open(name, "rb") as file:  # an error now is better than one within the request
        size = file.seek(0, io.SEEK_END) if file.seekable() else None
    return Source(file_pieces(name), content_type or _type_of_name(name), size, name)
