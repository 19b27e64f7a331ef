"""Where a stage can be interrupted: before each of its statements, before its commit, after it."""

import re
from collections import Counter
from dataclasses import dataclass, field

#: The stages that lock the account: every boundary of theirs is to be met by a kill.
MONEY = ("auto_close", "execution", "metrics")
STAGES = ("prices", "auto_close", "analysis", "execution", "metrics", "close")

#: A statement that comes once a row: from this one on they are one boundary.
LAST = 2

COMMIT = "COMMIT"
#: Behind the commit, before the message and the cache entry. A kill here does not count.
COMMITTED = "COMMITTED #1"

_VERB = re.compile(r"\s*(\w+)")
_TABLE = re.compile(r'\b(?:FROM|INTO|UPDATE)\s+"?(?:paper_trading|auth|django)_(\w+)')
_LOCK = re.compile(r"\bFOR (?:NO KEY )?UPDATE\b")
_COMPLETION = "INSERT tickstage"


def head_of(sql: str) -> str:
    """Return what names a statement whatever its values: verb, first table, and its lock."""
    verb, table = _VERB.match(sql), _TABLE.search(sql)
    words = [verb[1].upper() if verb else "?"]
    if table:
        words.append(table[1])
    if _LOCK.search(sql):
        words.append("FOR UPDATE")
    return " ".join(words)


@dataclass(slots=True)
class Passage:
    """One run of a stage from its claim: the boundaries that it reached, in order.

    `ended` when the commit with its completion row is through: later statements are none of
    the stage's.
    """

    stage: str
    tick: int
    attempt: int
    chunk: int = 0
    reached: list[str] = field(default_factory=list)
    committing: bool = False
    ended: bool = False
    _counts: Counter[str] = field(default_factory=Counter)
    _completed: bool = False

    def statement(self, sql: str) -> str:
        """Take note of a statement about to run and return its boundary."""
        head = head_of(sql)
        self._completed = self._completed or head == _COMPLETION
        return self._reach(head)

    def commit(self) -> str:
        """Take note of a commit about to happen and return its boundary."""
        return self._reach(COMMIT)

    def committed(self) -> bool:
        """Take note of a commit that is through; True when it was the stage's own."""
        self.committing = False
        self.ended = self._completed
        return self.ended

    def _reach(self, head: str) -> str:
        self._counts[head] += 1
        boundary = f"{head} #{min(self._counts[head], LAST)}"
        self.reached.append(boundary)
        return boundary
