"""What the books of an account come to over its life, held after each step."""

from decimal import Decimal

from paper_trading.engine import accounting
from paper_trading.engine.account import Account
from paper_trading.engine.accounting import cash_identity
from paper_trading.engine.codes import Code
from paper_trading.engine.enums import LedgerAccount, TradeStatus
from paper_trading.engine.ledger import balance, deposit_postings
from paper_trading.engine.pending_json import pending_from, pending_json
from paper_trading.engine.steps import StepResult
from paper_trading.engine.trade import Posting, Swap, TradeRecord
from tests.engine.worlds import account


class Books:
    """An account with every record and posting that it left."""

    def __init__(self, deposit: str) -> None:
        self.account: Account = account(deposit)
        self.postings: list[Posting] = [*deposit_postings(Decimal(deposit))]
        self.records: list[TradeRecord] = []

    def pay_in(self, amount_usd: Decimal) -> None:
        self.account = accounting.deposit(self.account, amount_usd)
        self.postings += deposit_postings(amount_usd)

    def keep(self, done: StepResult) -> None:
        """Take over what a step made, and check it."""
        assert done.faults == ()
        self.account = done.account
        self.records += done.trades
        for record in done.trades:
            check_record(record)
            self.postings += record.postings
        self.check()

    def check(self) -> None:
        """Hold the account against its postings, its nonces and what is on its way."""
        held = self.account
        assert cash_identity(held) == 0
        assert held.cash_usd >= 0
        assert balance(self.postings) == 0
        assert balance(self.postings, LedgerAccount.CASH) == held.cash_usd
        assert balance(self.postings, LedgerAccount.GAS) == held.gas_usd
        used = [
            (sent.nonce, sent.leg)
            for record in self.records
            if record.swap is not None
            for sent in record.swap.transactions
        ]
        for one in held.pending.values():
            used += [(one.nonce, one.leg), *([(one.first_nonce, 0)] if one.approves else [])]
        # Each once, none left out, and legs of one transaction follow on each other.
        assert len(set(used)) == len(used)
        assert {nonce for nonce, _ in used} == set(range(held.nonce))
        assert all((nonce, leg - 1) in used for nonce, leg in used if leg)
        assert pending_from(pending_json(held.pending)) == held.pending


def check_record(record: TradeRecord) -> None:
    """Hold a record against itself."""
    assert (record.status is TradeStatus.FILLED) == (record.code is Code.OK)
    if record.swap is None:
        assert record.status is TradeStatus.DENIED
        return
    swap: Swap = record.swap
    assert swap.fee_usd + swap.impact_usd + swap.drift_usd + swap.mev_usd == swap.shortfall_usd
    assert min(swap.fee_usd, swap.gas_usd) >= 0
    assert all(sent.fee_usd >= 0 for sent in swap.transactions)
    if record.status is TradeStatus.FILLED:
        assert swap.amount_out >= swap.minimum_out
