"""What a log has told already: of a state that every reading finds again, only changes are news."""

import logging
from typing import Any, Final

#: What was not said for so long had ended meanwhile, and is news again.
SILENCE_SECONDS: Final = 600.0


class News(logging.Filter):
    """Lets a line about a subject, its first argument, pass when it says something new of it.

    It remembers for its process alone: several workers each tell once.
    """

    def __init__(self, name: str = "") -> None:
        super().__init__(name)
        #: By line and subject: what was said last, and when.
        self._told: dict[tuple[str, Any], tuple[Any, float]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a line is news."""
        if not isinstance(record.args, tuple) or not record.args:
            return True
        about = (str(record.msg), str(record.args[0]))
        before = self._told.get(about)
        self._told[about] = record.args, record.created
        if before is None or before[0] != record.args:
            return True
        return record.created - before[1] > SILENCE_SECONDS
