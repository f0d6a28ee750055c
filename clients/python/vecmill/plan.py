"""What a training would take."""

from __future__ import annotations

from typing import Any, Dict, List

from .progress import size_text


class Plan(Dict[str, Any]):
    """The answer of POST /v1/plan, as a dict; `print` shows it as a few lines."""

    @property
    def trainable(self) -> bool:
        """A training would begin."""
        return bool(self["trainable"])

    def curve(self) -> List[Dict[str, Any]]:
        """For each min_count: words, the share of the text that they cover, memory."""
        return list(self["vocabulary"]["curve"])

    def __str__(self) -> str:
        corpus, vocabulary = self["corpus"], self["vocabulary"]
        memory, disk, took = self["memory"], self["disk"], self.get("time")
        lines = [
            "corpus      %s words in %s sentences, %s different%s"
            % (
                "{:,}".format(corpus["words"]),
                "{:,}".format(corpus["sentences"]),
                "{:,}".format(corpus["distinct"]),
                "" if corpus.get("exact", True) else " (estimated from a sample)",
            ),
            "vocabulary  %s words, which cover %.1f %% of the text"
            % ("{:,}".format(vocabulary["words"]), 100 * vocabulary["covered"]),
        ]
        for name, part, there in (("memory", memory, "allowed"), ("disk", disk, "free")):
            fits = "" if part["fits"] else ": it does not fit"
            shown = (name, size_text(part["needed"]), size_text(part[there]), there, fits)
            lines.append("%-11s %s of %s %s%s" % shown)
        if took:
            lines.append(
                "time        about %.3g s with %d thread%s"
                % (took["seconds"], took["threads"], "" if took["threads"] == 1 else "s")
            )
        if self["refusal"]:
            lines.append("refusal     %s" % self["refusal"].get("detail"))
        for kind in ("warnings", "suggestions"):
            lines += ["%-11s %s" % (kind[:-1], note.get("detail")) for note in self[kind]]
        return "\n".join(lines)
