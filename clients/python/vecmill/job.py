"""A training on the server."""

from __future__ import annotations

import importlib
import os
import time
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional

from .errors import JobFailed, RequestTimeout, VecmillError
from .events import ENDED, Event, follow
from .model import Model
from .progress import Display, Wanted, say
from .transport import segment

if TYPE_CHECKING:
    from .client import Client


class Job:
    """A training. It lives on the server: it goes on when this program ends, and
    `client.job(id)` finds it again.

    `record` is what the server last told of it, `refresh()` asks again.
    """

    def __init__(self, client: "Client", record: Dict[str, Any]) -> None:
        self.client, self.record = client, record
        self.id = str(record["id"])

    def __repr__(self) -> str:
        return "<Job %s of model %r: %s>" % (self.id, self.record.get("model"), self.state)

    @property
    def path(self) -> str:
        """Of the job on the server, for `client.call`."""
        return "/v1/jobs/" + segment(self.id)

    @property
    def state(self) -> str:
        """queued, running, paused, waiting, succeeded, failed or cancelled, when last asked."""
        return str(self.record.get("state"))

    @property
    def ended(self) -> bool:
        """It had succeeded, failed or been cancelled when last asked."""
        return self.state in ENDED

    @property
    def progress(self) -> float:
        """0 to 1, when last asked."""
        return float(self.record.get("progress") or 0.0)

    @property
    def settings(self) -> Dict[str, Any]:
        """The settings it uses."""
        return dict(self.record.get("settings") or {})

    @property
    def model(self) -> Model:
        """The model that it makes, as this job published it."""
        return Model(self.client, str(self.record["model"]))

    def refresh(self) -> "Job":
        """Asks the server how it is."""
        self.record = self.client.get(self.path)
        return self

    def _tell(self, what: str) -> "Job":
        self.record = self.client.call("POST", "%s/%s" % (self.path, what)).json
        return self

    def pause(self) -> "Job":
        """Stops at a checkpoint; `resume` goes on from there."""
        return self._tell("pause")

    def resume(self) -> "Job":
        """Goes on from the checkpoint."""
        return self._tell("resume")

    def cancel(self) -> "Job":
        """Ends it for good."""
        return self._tell("cancel")

    def events(self, last: Optional[int] = None) -> Iterator[Event]:
        """Its events, from the first one on or behind `last`, until it has ended. A connection
        that is cut is taken up again where it was."""
        return follow(self.client.transport, self.id, last, self.client.patience)

    def wait(
        self,
        progress: Wanted = True,
        timeout: Optional[float] = None,
        on_interrupt: str = "detach",
    ) -> Model:
        """Waits for the end and returns the model. JobFailed is raised when there is none.

        progress      a bar (tqdm, else lines of text); False: nothing; a function gets each Event
        timeout       seconds after which TimeoutError is raised; the job goes on
        on_interrupt  what Ctrl-C does beside ending the wait: "detach" tells how to come back,
                      "cancel" ends the job
        """
        if on_interrupt not in ("detach", "cancel"):
            raise ValueError("on_interrupt must be 'detach' or 'cancel', not %r" % on_interrupt)
        display = Display(str(self.record.get("model")), progress)
        end = None if timeout is None else time.monotonic() + timeout
        try:
            for event in follow(self.client.transport, self.id, None, self.client.patience, end):
                display.show(event)
        except KeyboardInterrupt:
            display.close()
            self._interrupted(on_interrupt)
            raise
        finally:
            display.close()
        self.refresh()
        if not self.ended and timeout is not None:
            raise RequestTimeout(
                "job %s is %s after %g seconds; it goes on: client.job(%r).wait()"
                % (self.id, self.state, timeout, self.id)
            )
        return self.result()

    def _interrupted(self, on_interrupt: str) -> None:
        if on_interrupt == "cancel":
            try:
                self.cancel()
                say("job %s is cancelled" % self.id)
            except VecmillError as error:
                say("job %s could not be cancelled: %s" % (self.id, error))
            return
        say(
            "the server goes on training. client.job(%r).wait() comes back to it, .cancel() ends it"
            % self.id
        )

    def result(self) -> Model:
        """The model of a job that succeeded; JobFailed with the server's words of any other."""
        if self.state == "succeeded":
            return self.model
        why = self.record.get("error") or {}
        if self.ended:
            detail = why.get("detail") or "job %s was %s" % (self.id, self.state)
        else:
            detail = "job %s is %s" % (self.id, self.state)
        raise JobFailed(str(detail), type=why.get("code"), param=why.get("key"), job=self.record)

    def history(self, points: Optional[int] = None) -> List[Dict[str, Any]]:
        """The recorded series: step, epoch, words, loss, learning rate, words per second, ..."""
        rows = self.client.get(self.path + "/history", query={"points": points})["data"]
        return list(rows)

    def losses(self, points: Optional[int] = None) -> Any:
        """The series as a pandas DataFrame by steps: `job.losses()["loss"].plot()`."""
        pandas = importlib.import_module("pandas")
        frame = pandas.DataFrame(self.history(points))
        return frame.set_index("step") if "step" in frame else frame

    def tensorboard(self, folder: str) -> str:
        """Writes the series as an event file below `folder`, for `tensorboard --logdir`."""
        target = os.path.join(folder, self.id)
        os.makedirs(target, exist_ok=True)
        path = os.path.join(target, "events.out.tfevents.%s" % self.id)
        body = self.client.call("GET", self.path + "/events.tfevents", accept="*/*").body
        with open(path, "wb") as file:
            file.write(body)
        return path
