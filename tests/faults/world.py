"""What the driver does through Django, one act a process: set up, take the census, look.

`python -m tests.faults.world ACT JSON` prints one JSON object on its last line.
"""

import json
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import django

django.setup()

from paper_trading.bot import controls, stages  # noqa: E402
from paper_trading.models import (  # noqa: E402
    PaperPosition,
    PaperTradingSession,
    SessionStatus,
)
from paper_trading.services import market_setup  # noqa: E402
from tasks.schedule import synchronise  # noqa: E402
from tests.bot.worlds import (  # noqa: E402
    Script,
    open_tick,
    run_ticks,
    running_session,
    stands,
    write_record,
)
from tests.faults import hooks, outcomes, plants  # noqa: E402
from tests.faults.census import CensusTaker  # noqa: E402
from tests.faults.checks import findings  # noqa: E402
from tests.faults.forgetting import forget  # noqa: E402

#: A session begins the run so many ticks before its first metrics, the next one a tick later.
FIRST_METRICS_IN = 1
#: Ticks of the census without anything known.
COLD_TICKS = 3
#: Steps of the record behind the back-fill: more than any run plays.
TAIL = 600


def wave(period: int, up: float, down: float, shift: int = 0) -> Script:
    """Return a script that rises for half of a period and falls for the other."""
    return lambda step: up if (step + shift) % period < period // 2 else -down


#: Waves of different length: there is something to buy and to close for as long as it runs.
SCRIPTS: dict[str, Script] = {
    "WETH": stands,
    "USDC": stands,
    "WAVE": wave(6, 2.5, 2.2),
    "SWAY": wave(8, 2.0, 1.8, 3),
    "ROLL": wave(10, 1.8, 1.6, 5),
    "DRIP": wave(7, 2.2, 1.5, 2),
    "SURF": wave(9, 2.1, 1.9, 4),
}


#: A strategy that sells soon and goes on whatever it loses.
UNDAUNTED: dict[str, Any] = {
    "take_profit_percent": Decimal("1.5"),
    "stop_loss_percent": Decimal("2.5"),
    "max_hold_hours": Decimal(1),
    "minimum_balance_usd": Decimal(0),
    "max_daily_trades": 1000,
    "max_losing_exits": 1000,
    "max_portfolio_loss_percent": Decimal(100),
    "max_daily_loss_percent": Decimal(100),
    "max_drawdown_percent": Decimal(100),
}


def strategy(number: int) -> dict[str, Any]:
    """Return a session's strategy: of four sessions, breakers trip on three, sooner and later.

    Every second one sends its orders through the transaction manager.
    """
    venue = {"use_transaction_manager": number % 2 == 1}
    if number % 4 == 3:
        return venue
    limits = {1: {"max_daily_trades": 2 + 5 * (number // 2)}, 2: {"max_losing_exits": 8}}
    return UNDAUNTED | limits.get(number % 4, {}) | venue


def setup(given: dict[str, Any]) -> dict[str, Any]:
    """Make the market and its sessions, and play the ticks before each session's first metrics.

    The first ticks run inline, so the account is full and its metrics come early. Positions
    that are held then are asked to be closed by hand.
    """
    record = write_record(Path(given["record"]), TAIL, SCRIPTS)
    market = market_setup.recorded_market(record)
    sessions = [
        running_session(market, level, given["interval_ms"], **strategy(number))
        for number, level in enumerate(given["levels"])
    ]
    for number, session in enumerate(sessions):
        run_ticks(session, 20 - FIRST_METRICS_IN - number % 10)
        _ask_for_a_close(session)
        controls.stop(session)
    synchronise(given["interval_ms"])
    if given["plant"] == "double-commit":
        plants.remove_guards()
    begun = {session.pk: PaperTradingSession.objects.get(pk=session.pk) for session in sessions}
    return {"begun": {key: session.last_number for key, session in begun.items()}}


def start(_: dict[str, Any]) -> dict[str, Any]:
    """Start every session: its first tick opens at the beginning of the next slot."""
    for session in PaperTradingSession.objects.all():
        controls.start(session)
    return {}


def _ask_for_a_close(session: PaperTradingSession) -> None:
    held = PaperPosition.objects.filter(account=session.account, is_open=True).first()
    if held is not None:
        controls.request_close(session, held.token, session.account.owner)


def census(given: dict[str, Any]) -> dict[str, Any]:
    """Run so many ticks of each session inline and return each stage's boundaries.

    A worker's child that has just begun has read nothing yet. So on the last ticks this process
    forgets what it knows before each stage.
    """
    start({})
    taker = CensusTaker()
    hooks.install(taker)
    sessions = list(PaperTradingSession.objects.order_by("pk"))
    for session in sessions:
        run_ticks(session, given["ticks"])
    taker.cold = True
    owner: Any = stages
    owner.run = _forgetful(stages.run)
    for session in sessions:
        run_ticks(session, COLD_TICKS)
    return taker.result()


def _forgetful(run: Callable[..., Any]) -> Callable[..., Any]:
    def run_cold(*arguments: Any) -> Any:
        forget()
        return run(*arguments)

    return run_cold


def reference(given: dict[str, Any]) -> dict[str, Any]:
    """Run each session inline to a tick number, undisturbed, and write its outcome.

    A tick that expired runs the stages that it had done by then, and expires here, too.
    """
    start({})
    for key, number in given["numbers"].items():
        session = PaperTradingSession.objects.get(pk=key)
        while session.last_number < number:
            tick = open_tick(session)
            done = given["expired"].get(key, {}).get(str(tick.number))
            if done is None:
                stages.run_to_end(tick.pk)
            else:
                outcomes.expire_after(tick, [(stage, chunk) for stage, chunk in done])
            session.refresh_from_db()
    return _write_outcomes(given)


def stop(_: dict[str, Any]) -> dict[str, Any]:
    """Stop every session; open ticks finish."""
    for session in PaperTradingSession.objects.filter(status=SessionStatus.RUNNING):
        controls.stop(session)
    return {}


def inspect(given: dict[str, Any]) -> dict[str, Any]:
    """Check every session and write the outcomes up to where they can be compared."""
    sessions = PaperTradingSession.objects.order_by("pk")
    numbers = {str(session.pk): outcomes.comparable(session) for session in sessions}
    expired = {str(session.pk): outcomes.expired(session) for session in sessions}
    _write_outcomes({**given, "numbers": numbers})
    return {**findings(), "numbers": numbers, "expired": expired}


def _write_outcomes(given: dict[str, Any]) -> dict[str, Any]:
    for key, number in given["numbers"].items():
        session = PaperTradingSession.objects.get(pk=key)
        outcomes.write(session, number, Path(given["folder"]))
    return {}


ACTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "setup": setup,
    "start": start,
    "census": census,
    "reference": reference,
    "stop": stop,
    "inspect": inspect,
}

if __name__ == "__main__":
    result = ACTS[sys.argv[1]](json.loads(sys.argv[2]))
    sys.stdout.write("\n" + json.dumps(result) + "\n")
