"""What the doctor can find: a stable word for each trouble, how bad it is, what to do."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique


@unique
class Severity(StrEnum):
    """How bad a finding is."""

    #: Nothing could be looked at.
    BLIND = "blind"
    BROKEN = "broken"
    #: Worth knowing; the system works.
    NOTE = "note"


@unique
class Trouble(StrEnum):
    """The words of the doctor; they stay as they are."""

    DATABASE_AWAY = "DATABASE_AWAY"
    DATABASE_UNMIGRATED = "DATABASE_UNMIGRATED"
    REDIS_AWAY = "REDIS_AWAY"
    BEAT_ENTRY_MISSING = "BEAT_ENTRY_MISSING"
    BEAT_ENTRY_DISABLED = "BEAT_ENTRY_DISABLED"
    BEAT_ENTRY_WRONG = "BEAT_ENTRY_WRONG"
    BEAT_TASK_UNKNOWN = "BEAT_TASK_UNKNOWN"
    QUEUE_BACKLOG = "QUEUE_BACKLOG"
    SESSION_NOT_SERVED = "SESSION_NOT_SERVED"
    SESSION_ON_ARCHIVED_ACCOUNT = "SESSION_ON_ARCHIVED_ACCOUNT"
    TICK_STUCK = "TICK_STUCK"
    TICK_FAILED = "TICK_FAILED"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    BREAKER_TRIPPED = "BREAKER_TRIPPED"
    LEDGER_PROBLEM = "LEDGER_PROBLEM"
    RECORD_UNREADABLE = "RECORD_UNREADABLE"
    SIGNAL_OFF = "SIGNAL_OFF"
    REQUEST_WAITING = "REQUEST_WAITING"
    POSITIONS_UNMANAGED = "POSITIONS_UNMANAGED"

    @property
    def advice(self) -> str:
        """Return what a person can do about it."""
        return _ADVICE[self]


_ADVICE: dict[Trouble, str] = {
    Trouble.DATABASE_AWAY: "Start PostgreSQL, or set DATABASE_URL to the one that runs.",
    Trouble.DATABASE_UNMIGRATED: "Run manage.py migrate.",
    Trouble.REDIS_AWAY: "Start Redis, or set REDIS_URL to the one that runs.",
    Trouble.BEAT_ENTRY_MISSING: "Run manage.py setup_schedule.",
    Trouble.BEAT_ENTRY_DISABLED: "Run manage.py setup_schedule, or enable it in the admin.",
    Trouble.BEAT_ENTRY_WRONG: "Run manage.py setup_schedule.",
    Trouble.BEAT_TASK_UNKNOWN: "Delete or correct the periodic task in the admin.",
    Trouble.QUEUE_BACKLOG: "See whether a worker runs, and whether it keeps up.",
    Trouble.SESSION_NOT_SERVED: "Start beat and a worker (dev.py up), or stop the session.",
    Trouble.SESSION_ON_ARCHIVED_ACCOUNT: "Stop the session in the admin.",
    Trouble.TICK_STUCK: "Start beat and a worker (dev.py up): the sweeper goes on with it.",
    Trouble.TICK_FAILED: "Read its internal errors in the admin, then reset the breaker.",
    Trouble.INTERNAL_ERROR: "Read the traceback in the admin under internal errors.",
    Trouble.BREAKER_TRIPPED: "Look at its reason; reset it in the admin, unless it clears itself.",
    Trouble.LEDGER_PROBLEM: "Stop trading on the account and report the difference.",
    Trouble.RECORD_UNREADABLE: "Put the file back, as it was, at its place.",
    Trouble.SIGNAL_OFF: "Mend its file in the signal folder; new accounts trade with the new one.",
    Trouble.REQUEST_WAITING: "See whether ticks run; a close stays wanted until it is filled.",
    Trouble.POSITIONS_UNMANAGED: "Start the session again, or leave the positions as they are.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the doctor found; `since` is None when no row tells."""

    trouble: Trouble
    severity: Severity
    what: str
    since: datetime | None = None

    def as_json(self) -> dict[str, str | None]:
        """Return the finding for a program."""
        return {
            "word": self.trouble.value,
            "severity": self.severity.value,
            "what": self.what,
            "since": None if self.since is None else self.since.isoformat(),
            "advice": self.trouble.advice,
        }
