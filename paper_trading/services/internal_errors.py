"""What failed inside, kept with its traceback."""

from paper_trading.engine.enums import Stage
from paper_trading.models import InternalError, Tick


def keep(tick_id: int | None, stage: str, text: str) -> None:
    """Store the traceback of an unexpected exception with its tick and its stage.

    Without its NUL characters, which the database does not take.
    """
    known = tick_id is not None and Tick.objects.filter(pk=tick_id).exists()
    InternalError.objects.create(
        tick_id=tick_id if known else None,
        stage=stage if stage in set(Stage) else Stage.OPEN,
        traceback=text.replace("\0", ""),
    )
