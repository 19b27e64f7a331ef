"""The user's signals of a market in its replay: the same files, off where its rows say so."""

from collections.abc import Iterable

from paper_trading.bot.replay.checks import Difference, Mismatch, NoJournal, same, sealed
from paper_trading.intelligence.user_signals import SwitchedOff, UserSignal, digest
from paper_trading.models import Market
from paper_trading.services import market_signals
from paper_trading.services.signal_folder import FolderReader


class SignalReplay:
    """What a replay needs of a market's user signals; `began` is its genesis' step.

    :raises Mismatch: when their rows are not those that the market was made with.
    :raises NoJournal: when the folder does not hold a file that has to be run again.
    """

    def __init__(self, market: Market, began: int) -> None:
        rows = market_signals.rows_of(market)
        for row in rows:
            sealed(f"signal {row.name} of {market.name}", row.seal, market_signals.columns(row))
        self._market = market
        self._off = market_signals.off_of(rows)
        self.values: tuple[UserSignal, ...] = market_signals.values(rows)
        self.reader = FolderReader() if rows else None
        same(market.name, "signals", digest(self.values), market.signals)
        self._require_files(began)

    def off_at(self, step: int) -> tuple[SwitchedOff, ...]:
        """Return the signals that were off at a step, or were switched off there."""
        return tuple(one for one in self._off if one.step <= step)

    def same_off(self, off: Iterable[SwitchedOff], step: int) -> None:
        """Compare what the replay goes on without after a step with the rows.

        :raises NoJournal: when a signal was only slower than it was then: no row is at fault.
        """
        known = {one.name for one in self.off_at(step)}
        for one in off:
            if one.name in known:
                continue
            where = f"signal {one.name} of {self._market.name}"
            if one.slow:
                raise NoJournal(
                    f"{where} was in time at step {one.step} and is not now: it {one.reason}."
                    " Try again while the machine is calm, or with a larger DEX_SIGNAL_MS"
                )
            said = f"from step {one.step} on: {one.reason}"
            raise Mismatch(Difference(where, "off_step", said, "on"))

    def _require_files(self, began: int) -> None:
        # What was off when the back-fill ended is not asked by any later step.
        never = {one.name for one in self._off if one.step <= began}
        for one in self.values:
            missing = "" if one.name in never else self._missing(one)
            if missing:
                raise NoJournal(
                    f"{self._market.name} was made with another set of signals: {missing}."
                    " Put the file back as it was to replay the market"
                )

    def _missing(self, signal: UserSignal) -> str:
        try:
            return "" if self.reader is None else self.reader.missing(signal)
        except OSError as error:
            return f"{signal.name}.py cannot be read: {error.strerror}"
