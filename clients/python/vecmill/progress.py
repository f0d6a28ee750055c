"""How far it is: a bar of tqdm where that is installed, else lines of text on stderr."""

from __future__ import annotations

import importlib
import sys
import time
from typing import Any, Callable, Iterable, Iterator, Optional, Union

from .events import Event

Wanted = Union[bool, Callable[[Event], None]]
STEP = 10  # per cent between two lines of text


def _tqdm() -> Any:
    """tqdm's bar: the one of notebooks only where its widgets are there."""
    try:
        if "ipykernel" in sys.modules:
            importlib.import_module("ipywidgets")
            return importlib.import_module("tqdm.notebook").tqdm
    except ImportError:
        pass
    try:
        return importlib.import_module("tqdm").tqdm
    except ImportError:
        return None


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def size_text(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return "%.3g %s" % (size, unit)
        size /= 1000
    return "%.3g TB" % size


def watch_bytes(
    pieces: Iterable[bytes], size: Optional[int], what: str, wanted: Wanted, done: int = 0
) -> Iterator[bytes]:
    """The pieces, counted by a bar."""
    tqdm = _tqdm() if wanted is True else None
    if tqdm is None:
        yield from pieces
        return
    with tqdm(
        total=size, initial=done, unit="B", unit_scale=True, desc=what, delay=0.5, leave=False
    ) as bar:
        for piece in pieces:
            yield piece
            bar.update(len(piece))


class Display:
    """Shows the events of one job."""

    def __init__(self, name: str, wanted: Wanted) -> None:
        self.name, self.wanted = name, wanted
        self.tqdm = _tqdm() if wanted is True else None
        self.bar: Any = None
        self.said, self.shown, self.began = "", -1, time.monotonic()

    def show(self, event: Event) -> None:
        if self.wanted is False:
            return
        if self.wanted is not True:
            self.wanted(event)
            return
        data = event.data
        if event.kind == "state":
            self._state(data)
        elif event.kind == "log":
            self.note("%s: %s" % (self.name, data.get("line", "")))
        elif data.get("phase") == "training" and data.get("words_total"):
            self._training(data)

    def note(self, text: str) -> None:
        if self.bar is not None:
            self.bar.write(text, file=sys.stderr)
        else:
            say(text)

    def _state(self, data: Any) -> None:
        state, why = str(data.get("state")), data.get("error") or {}
        detail = why.get("detail") if isinstance(why, dict) else why
        if state in ("waiting", "paused") and state != self.said:
            detail = detail or "job.resume() goes on"
            self.note("%s: %s: %s" % (self.name, state, detail))
        if state == "succeeded":
            self._end(data)
        self.said = state

    @staticmethod
    def _loss(data: Any) -> Optional[float]:
        for name in ("epoch_loss", "loss"):
            if data.get(name) is not None:
                return float(data[name])
        return None

    def _training(self, data: Any) -> None:
        words, total = int(data["words"]), int(data["words_total"])
        loss = self._loss(data)
        figures = {} if loss is None else {"loss": "%.4f" % loss}
        if data.get("holdout_loss") is not None:
            figures["holdout"] = "%.4f" % data["holdout_loss"]
        epoch = int(data.get("epoch") or 1)
        if self.tqdm is not None:
            if self.bar is None:
                self.bar = self.tqdm(total=total, unit="w", unit_scale=True, desc=self.name)
            self.bar.total = total
            self.bar.set_postfix(
                epoch="%d/%d" % (epoch, data.get("epochs") or 1), refresh=False, **figures
            )
            self.bar.update(max(0, words - self.bar.n))
            return
        share = 100 * words // max(1, total)
        if share // STEP > self.shown // STEP and share < 100:
            self.shown = share
            more = "".join(", %s %s" % pair for pair in figures.items())
            speed = data.get("words_per_second")
            if speed:
                more += ", %s words/s" % size_text(speed)[:-1].strip()
            epochs = data.get("epochs") or epoch
            say("%s: %d%%, epoch %d of %d%s" % (self.name, share, epoch, epochs, more))

    def _end(self, data: Any) -> None:
        if self.bar is not None:
            self.bar.update(max(0, self.bar.total - self.bar.n))
        elif self.tqdm is None:
            say(
                "%s: trained, version %s (%.1f s)"
                % (self.name, data.get("version"), time.monotonic() - self.began)
            )

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None
