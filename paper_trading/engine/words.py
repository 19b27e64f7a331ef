"""Counts in sentences: one thing, many things."""


def number_of(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun; `many` is the plural where it is not `one` with an s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
