"""The losses of training, as calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional

import numpy as np

from .vectors import as_list

if TYPE_CHECKING:
    from .client import Client


class Losses:
    """Each method takes what TensorFlow's function of that name takes, by keyword, as lists or
    arrays, and returns the answer with `losses` (and gradients) as arrays: see docs/api.md, Losses.
    Of a model (`model.losses`) the classes are its output rows, and inputs may be words."""

    def __init__(self, client: "Client", model: Optional[str] = None) -> None:
        self.client, self.model = client, model

    def _ask(self, kind: str, members: Dict[str, Any]) -> Dict[str, Any]:
        document = as_list(members)
        if self.model is not None:
            document.setdefault("model", self.model)
        answer = dict(self.client.post("/v1/losses/" + kind, document))
        answer["losses"] = np.asarray(answer["losses"])
        if isinstance(answer.get("gradients"), dict):
            answer["gradients"] = {
                name: np.asarray(value) for name, value in answer["gradients"].items()
            }
        return answer

    def nce(self, **members: Any) -> Dict[str, Any]:
        """tf.nn.nce_loss."""
        return self._ask("nce", members)

    def sampled_softmax(self, **members: Any) -> Dict[str, Any]:
        """tf.nn.sampled_softmax_loss."""
        return self._ask("sampled_softmax", members)

    def weighted_cross_entropy(self, **members: Any) -> Dict[str, Any]:
        """tf.nn.weighted_cross_entropy_with_logits."""
        return self._ask("weighted_cross_entropy", members)

    def softmax_cross_entropy(self, **members: Any) -> Dict[str, Any]:
        """tf.nn.softmax_cross_entropy_with_logits, labels as shares or as class numbers."""
        return self._ask("softmax_cross_entropy", members)
