"""Requests of any size, cut by the limits of the server."""

from __future__ import annotations

import json
from typing import Any, Callable, Iterator, List, Sequence

MARGIN = 4096  # bytes of a body beside the entries


def entry_bytes(entry: Any) -> int:
    """What an entry takes in a JSON body, comma included."""
    if isinstance(entry, int):
        return len(str(entry)) + 1
    return len(json.dumps(entry, ensure_ascii=False).encode("utf-8", "surrogatepass")) + 1


def batches(
    entries: Sequence[Any],
    max_entries: int,
    max_bytes: int,
    size: Callable[[Any], int] = entry_bytes,
) -> Iterator[List[Any]]:
    """The entries in lists that fit. One that does not fit alone comes alone: the server refuses
    it, and says why."""
    batch: List[Any] = []
    held = 0
    for entry in entries:
        length = size(entry)
        if batch and (len(batch) >= max_entries or held + length > max_bytes - MARGIN):
            yield batch
            batch, held = [], 0
        batch.append(entry)
        held += length
    if batch:
        yield batch
