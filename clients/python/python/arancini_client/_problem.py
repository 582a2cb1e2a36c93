"""Problems: what can't be read, where it is, and what to do."""

import dataclasses
import logging

_LOG = logging.getLogger("arancini_client")


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something that can't be read or is missing. Following goes on behind it."""

    cause: str
    remedy: str
    subject: str | None = None
    stream_sequence: int | None = None

    def __str__(self) -> str:
        place = f"message {self.stream_sequence} of the stream, on {self.subject}: " if self.subject else ""
        return f"{place}{self.cause}; {self.remedy}"


def log(problem: Problem) -> None:
    """Logs a problem as a warning: what `follow` does without `on_problem`."""
    _LOG.warning("%s", problem)
