"""What a request tells of itself while it is worked on, to whoever follows it."""

from __future__ import annotations

from service.pipeline.requests import Summary, Translation
from service.records import Detection


class Progress:
    """Told the parts of a reply as each is final, in the order of the work and on its thread; this one tells nobody.

    Whatever a method raises ends the request. A request that is followed (`follows`) shares no computation with others,
    so that its jobs leave their batches as soon as the caller goes.
    """

    follows = False

    @property
    def told(self) -> bool:
        """Whether the caller has got anything of the reply but its languages."""
        return False

    def language(self, index: int, found: Detection, *, detected: bool) -> None:
        """The language of the article, or of the text with this number; `detected`: the caller named none."""

    def written(self, summary: Summary) -> None:
        """The text of the summary and its sentences; what is judged of them may follow with `summary`."""

    def summary(self, summary: Summary, source: str) -> None:
        """The summary as the reply will have it; its offsets index `source`."""

    def translation(self, number: int, translation: Translation) -> None:
        """One translation, done or failed; `number` is its place in the reply."""


SILENT = Progress()
