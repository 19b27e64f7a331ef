"""Put the watch between the stages and the database, without a hook in the product."""

from collections.abc import Callable
from typing import Any, Protocol

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from paper_trading.bot import progress, stages
from paper_trading.bot.progress import Step
from paper_trading.engine.enums import Stage
from paper_trading.models import Tick


class Watcher(Protocol):
    """What sees the stages go by."""

    def claim(self, tick: Tick, stage: str, chunk: int) -> None: ...
    def leave(self) -> None: ...
    def before_statement(self, sql: str) -> None: ...
    def around_commit(self, commit: Callable[[], None]) -> None: ...


def install(watch: Watcher) -> None:
    """Let a watcher see every stage run, every statement and every commit of this process."""
    _wrap_stages(watch)
    _wrap_statements(watch)
    _wrap_commit(watch)


def _wrap_stages(watch: Watcher) -> None:
    run, current = stages.run, progress.current
    chunks = [0]

    def watched_run(stage: Stage, tick_id: int, chunk: int = 0, *others: Any) -> list[Step]:
        chunks[0] = chunk
        try:
            return run(stage, tick_id, chunk, *others)
        finally:
            watch.leave()

    def watched_current(tick_id: int, stage: Stage) -> Tick | None:
        tick = current(tick_id, stage)
        if tick is not None:
            watch.claim(tick, stage.value, chunks[0])
        return tick

    owner: Any = stages
    owner.run = watched_run
    progress.current = watched_current


def _wrap_statements(watch: Watcher) -> None:
    def execute(
        call: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        watch.before_statement(str(sql))
        return call(sql, params, many, context)

    def add(connection: BaseDatabaseWrapper, **_: Any) -> None:
        if execute not in connection.execute_wrappers:
            connection.execute_wrappers.append(execute)

    connection_created.connect(add, weak=False)
    add(connection)


def _wrap_commit(watch: Watcher) -> None:
    owner: Any = BaseDatabaseWrapper
    commit = owner._commit

    def watched(self: BaseDatabaseWrapper) -> None:
        watch.around_commit(lambda: commit(self))

    owner._commit = watched
