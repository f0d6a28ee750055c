"""Client of vecmill, the service that trains and serves word vectors.

    import vecmill

    client = vecmill.Client()                          # http://127.0.0.1:8080
    model = client.train("text.txt", model="en", dim=100)
    model.most_similar("king")

`Client` is the way to a server, `Model` answers as gensim's KeyedVectors do, `Job` is a training.
Errors are subclasses of `VecmillError`, with the server's own words.
"""

from .client import VERSION as __version__
from .client import Client, Corpus
from .errors import (
    AuthenticationError,
    BadRequest,
    Busy,
    Conflict,
    ConnectionFailed,
    JobFailed,
    NotFound,
    PermissionDenied,
    Refused,
    RequestTimeout,
    ServerError,
    TooLarge,
    UnknownWord,
    Unsupported,
    VecmillError,
)
from .events import Event
from .job import Job
from .losses import Losses
from .model import Model
from .plan import Plan
from .questions import Correlation
from .vectors import Vectors

__all__ = [
    "AuthenticationError",
    "BadRequest",
    "Busy",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "Corpus",
    "Correlation",
    "Event",
    "Job",
    "JobFailed",
    "Losses",
    "Model",
    "NotFound",
    "PermissionDenied",
    "Plan",
    "Refused",
    "RequestTimeout",
    "ServerError",
    "TooLarge",
    "UnknownWord",
    "Unsupported",
    "VecmillError",
    "Vectors",
    "__version__",
]
