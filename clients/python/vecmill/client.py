"""The way to a server: corpora, jobs and models."""

from __future__ import annotations

import os
import time
import uuid
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple, Union

from .errors import ConnectionFailed, NotFound, RequestTimeout, VecmillError
from .job import Job
from .losses import Losses
from .model import Model
from .plan import Plan
from .progress import Wanted
from .source import Source, file_source, source_of
from .transport import Answer, Query, Transport, segment
from .upload import send
from .vectors import as_list

VERSION = "0.1.0"


class Corpus:
    """A text that is stored on the server. `info` is what the server says of it."""

    def __init__(self, client: "Client", info: Dict[str, Any]) -> None:
        self.client, self.info, self.name = client, info, str(info["name"])

    def __repr__(self) -> str:
        return "<Corpus %r: %s bytes>" % (self.name, self.info.get("bytes"))

    @property
    def path(self) -> str:
        """Of the corpus on the server, for `client.call`."""
        return "/v1/corpora/" + segment(self.name)

    def refresh(self) -> "Corpus":
        """Asks the server for `info` again: behind a training it has the report."""
        self.info = self.client.get(self.path)
        return self

    def delete(self) -> None:
        """Deletes it; Conflict while a job needs it."""
        self.client.call("DELETE", self.path)

    def text(self) -> str:
        """The text as it is kept."""
        return self.client.call("GET", self.path + "/content", accept="*/*").body.decode("utf-8")

    def questions(self) -> List[Dict[str, Any]]:
        """The sets of questions that stand beside it."""
        return list(self.client.get(self.path + "/questions")["data"])

    def set_questions(self, name: str, questions: Any) -> Dict[str, Any]:
        """Stores analogies or similarities (path or text), for the setting `questions`."""
        source = source_of(questions, content_type="text/plain")
        return dict(
            self.client.call(
                "PUT",
                self.path + "/questions/" + segment(name),
                body=b"".join(source.pieces),
                headers={"Content-Type": "text/plain"},
            ).json
        )


class Client:
    """A server.

        client = vecmill.Client()
        model = client.train(["the king rules", "the queen rules"], model="en", min_count=1)
        model["king"]

    url              of the server; VECMILL_URL, else http://127.0.0.1:8080
    key              as `vecmill key create` printed it; VECMILL_API_KEY when not given
    timeout          seconds without a byte after which a request is given up
    connect_timeout  seconds to reach the server
    retries          how often a request is sent again after 429, 503 (as Retry-After says) or a cut
    max_wait         the longest Retry-After that is waited for; above, the error is raised
    patience         seconds for which the events of a training are looked for in vain, as while
                     the server starts again
    ca_file          certificates to trust, of a certificate authority of your own
    client_cert      file, or files of certificate and key, where the server asks for one
    verify           False trusts any certificate: for tests only

    Threads may share a client. Errors are exceptions of `vecmill.errors`.
    """

    def __init__(
        self,
        url: Optional[str] = None,
        key: Optional[str] = None,
        *,
        timeout: float = 300.0,
        connect_timeout: float = 10.0,
        retries: int = 4,
        max_wait: float = 30.0,
        patience: float = 300.0,
        ca_file: Optional[str] = None,
        client_cert: Union[None, str, Tuple[str, str]] = None,
        verify: bool = True,
    ) -> None:
        self.transport = Transport(
            url or os.environ.get("VECMILL_URL") or "http://127.0.0.1:8080",
            key if key is not None else os.environ.get("VECMILL_API_KEY"),
            timeout=timeout,
            connect_timeout=connect_timeout,
            retries=retries,
            max_wait=max_wait,
            ca_file=ca_file,
            client_cert=client_cert,
            verify=verify,
            user_agent="vecmill-python/" + VERSION,
        )
        self.patience = patience
        self._limits: Optional[Dict[str, int]] = None

    def __repr__(self) -> str:
        return "<Client of %s%s>" % (
            self.transport.url,
            ", with a key" if self.transport.key else "",
        )

    @property
    def url(self) -> str:
        """Where the server is."""
        return self.transport.url

    def close(self) -> None:
        """Closes the idle connections; they are opened again when needed."""
        self.transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- plain requests ------------------------------------------------------------------------

    def call(self, method: str, path: str, **options: Any) -> Answer:
        """Any request to the service: query, json or body, headers, accept, timeout."""
        return self.transport.request(method, path, **options)

    def get(self, path: str, query: Query = None) -> Any:
        """The JSON that a GET is answered with."""
        return self.call("GET", path, query=query).json

    def post(self, path: str, document: Mapping[str, Any]) -> Any:
        """The JSON that a POST of JSON is answered with."""
        return self.call("POST", path, json=as_list(dict(document))).json

    # ---- the service ---------------------------------------------------------------------------

    def ready(self) -> Dict[str, Any]:
        """{"status", "reasons", "warnings"}: does it take requests?"""
        return dict(self.call("GET", "/readyz", expected=(503,), retries=0).json)

    def wait_until_ready(self, timeout: float = 60.0) -> Dict[str, Any]:
        """Asks until the server takes requests, as behind its start, and returns what `ready`
        does. RequestTimeout says why it does not."""
        end, why = time.monotonic() + timeout, ""
        while True:
            try:
                found = self.ready()
                if found.get("status") == "ready":
                    return found
                why = ", ".join(str(reason) for reason in found.get("reasons", []))
            except ConnectionFailed as error:
                why = str(error)
            if time.monotonic() > end:
                raise RequestTimeout("not ready after %g seconds: %s" % (timeout, why))
            time.sleep(0.1)

    def settings(self) -> Dict[str, Dict[str, Any]]:
        """Every setting by its name: default, bounds, meaning."""
        return {row["name"]: row for row in self.get("/v1/settings")["settings"]}

    def limit(self, name: str) -> int:
        """A limit of the server, such as max_batch; asked for once."""
        if self._limits is None:
            rows = self.settings().values()
            self._limits = {
                str(row["name"]): int(row.get("value", row["default"]))
                for row in rows
                if row["scope"] == "server" and row["type"] == "integer"
            }
        return self._limits[name]

    @property
    def losses(self) -> Losses:
        """Losses of given rows, as TensorFlow computes them."""
        return Losses(self)

    # ---- corpora -------------------------------------------------------------------------------

    def upload(
        self,
        data: Any,
        corpus: str,
        *,
        column: Optional[str] = None,
        content_type: Optional[str] = None,
        progress: Wanted = True,
        **query: Any,
    ) -> Corpus:
        """Stores a corpus, in the place of one that has this name. `data` is what `train` takes."""
        source = source_of(data, column, content_type)
        path = "/v1/corpora/" + segment(corpus)
        return Corpus(self, send(self, "PUT", path, source, query, corpus, progress))

    def corpora(self) -> List[Corpus]:
        """All corpora."""
        return [Corpus(self, info) for info in self.get("/v1/corpora")["data"]]

    def corpus(self, name: str) -> Corpus:
        """One corpus; NotFound where there is none."""
        return Corpus(self, self.get("/v1/corpora/" + segment(name)))

    # ---- training ------------------------------------------------------------------------------

    def train(
        self,
        data: Any = None,
        model: Optional[str] = None,
        *,
        corpus: Union[None, str, Corpus] = None,
        column: Optional[str] = None,
        content_type: Optional[str] = None,
        progress: Wanted = True,
        timeout: Optional[float] = None,
        on_interrupt: str = "detach",
        settings: Optional[Mapping[str, Any]] = None,
        **more_settings: Any,
    ) -> Model:
        """Trains a model, waits for it and returns it.

        data      * a path: the file as it is, text or NDJSON, packed by gzip, zstd, ... or not
                  * a text with line breaks: a sentence a line
                  * an iterable, pandas Series, or DataFrame with `column`: each item is a sentence
                    or document, as text or as a list of tokens; None and NaN are skipped. A
                    line break within a text ends a sentence, as in a file
                  Without data the stored `corpus` is trained from.
        model     its name
        corpus    the name that the text is stored by; the model's when not given
        settings  dim=100, epochs=5, ...: `client.settings()` lists them all; also as a dict

        progress, timeout and on_interrupt are those of `Job.wait`. The upload is streamed: memory
        does not grow with it. Settings are looked at before anything is sent.
        """
        job = self.submit(
            data,
            model,
            corpus=corpus,
            column=column,
            content_type=content_type,
            progress=progress,
            settings=settings,
            **more_settings,
        )
        return job.wait(progress=progress, timeout=timeout, on_interrupt=on_interrupt)

    def submit(
        self,
        data: Any = None,
        model: Optional[str] = None,
        *,
        corpus: Union[None, str, Corpus] = None,
        column: Optional[str] = None,
        content_type: Optional[str] = None,
        progress: Wanted = True,
        settings: Optional[Mapping[str, Any]] = None,
        **more_settings: Any,
    ) -> Job:
        """`train` without the wait: returns the job."""
        if not isinstance(model, str) or not model:
            raise TypeError('train needs the name of the model: model="..."')
        chosen = {**(settings or {}), **more_settings}
        name = corpus.name if isinstance(corpus, Corpus) else corpus
        if data is None:
            if isinstance(corpus, (str, Corpus)):
                return self._submit_stored(str(name), model, chosen)
            raise TypeError("train needs data, or the name of a stored corpus: corpus=...")
        if isinstance(data, Corpus):
            return self._submit_stored(data.name, model, chosen)
        source = source_of(data, column, content_type)
        query = {"corpus": name, **chosen}
        path = "/v1/models/%s/train" % segment(model)
        return Job(self, send(self, "POST", path, source, query, name or model, progress))

    def _submit_stored(self, corpus: str, model: str, settings: Mapping[str, Any]) -> Job:
        document = {"corpus": corpus, "model": model, "settings": as_list(dict(settings))}
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        return Job(self, self.call("POST", "/v1/jobs", json=document, headers=headers).json)

    def plan(
        self,
        corpus: Union[str, Corpus],
        *,
        sample_bytes: Optional[int] = None,
        seconds: Optional[float] = None,
        settings: Optional[Mapping[str, Any]] = None,
        **more_settings: Any,
    ) -> Plan:
        """What training from a stored corpus would take: vocabulary, memory, disk, time. Nothing
        is kept. `print` shows the plan."""
        document = {
            "corpus": corpus.name if isinstance(corpus, Corpus) else corpus,
            "settings": {**(settings or {}), **more_settings},
            "sample_bytes": sample_bytes,
            "seconds": seconds,
        }
        return Plan(self.post("/v1/plan", document))

    def jobs(self, state: Optional[str] = None) -> List[Job]:
        """All jobs, or those in one state."""
        return [Job(self, record) for record in self._pages("/v1/jobs", {"state": state})]

    def _pages(self, path: str, query: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        offset = 0
        while True:
            page = self.get(path, {**query, "limit": 1000, "offset": offset})["data"]
            yield from page
            offset += len(page)
            if len(page) < 1000:
                return

    def job(self, id: str) -> Job:
        """One job; NotFound where there is none."""
        return Job(self, self.get("/v1/jobs/" + segment(id)))

    # ---- models --------------------------------------------------------------------------------

    def models(self) -> List[Model]:
        """All models."""
        return [Model(self, str(row["id"])) for row in self.get("/v1/models")["data"]]

    def model(self, name: str, version: Optional[str] = None) -> Model:
        """A model, as it is served or in one version or label; NotFound with suggestions where
        there is none. `client["en"]` is the same."""
        found = Model(self, name, version)
        found.card()
        return found

    def __getitem__(self, name: str) -> Model:
        return self.model(name)

    def __contains__(self, name: object) -> bool:
        try:
            return isinstance(name, str) and name != "" and self.model(name) is not None
        except NotFound:
            return False

    def import_model(
        self,
        path: Union[str, "os.PathLike[str]"],
        model: str,
        *,
        limit: Optional[int] = None,
        progress: Wanted = True,
    ) -> Model:
        """Serves vectors that were made elsewhere: a file of word2vec, GloVe, fastText, gensim,
        NumPy or safetensors, told by its ending. `limit` takes the first rows only."""
        source: Source = file_source(path, "application/octet-stream")
        target = "/v1/models/%s/files/%s" % (segment(model), segment(os.path.basename(str(path))))
        send(self, "PUT", target, source, {"limit": limit}, model, progress)
        return Model(self, model)


__all__ = ["Client", "Corpus", "VecmillError"]
