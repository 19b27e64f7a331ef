"""What was done to messages, counted from the log."""

from collections.abc import Sequence


def count(lines: Sequence[dict[str, object]]) -> dict[str, int]:
    """Count the faults of a log by kind."""
    counts = dict.fromkeys(("doubled", "dropped", "delayed", "reversed"), 0)
    for line in lines:
        counts[str(line["fault"])] += 1
    return counts
