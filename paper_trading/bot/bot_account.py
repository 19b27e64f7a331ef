"""The account that the inline bot trades: found by its name, or opened on the wanted market."""

import os
from dataclasses import dataclass
from pathlib import Path

from django.contrib.auth.models import User

from paper_trading.bot import accounts, command_line, seeding
from paper_trading.bot.accounts import ControlRefused
from paper_trading.models import (
    FeedMode,
    Market,
    PaperStrategyConfiguration,
    PaperTradingAccount,
)
from paper_trading.services import market_setup
from paper_trading.services.sources.recorded import RecordedFile
from paper_trading.services.token_registry import CHAINS


@dataclass(frozen=True, slots=True)
class Wanted:
    """An account's name and the market it shall trade on; None leaves that to the account."""

    name: str
    prices: str | None = None
    chain_id: int | None = None
    market: Market | None = None

    def check(self) -> None:
        """Refuse what no account can have. ControlRefused, ValueError say what is wrong."""
        command_line.account_name(self.name)
        if self.market is not None and (self.prices, self.chain_id) != (None, None):
            raise ControlRefused("A market has its own prices and chain; name either.")
        if self.chain_id is not None:
            command_line.chain(self.chain_id)
        if self.prices is None:
            return
        recorded = _is_file(command_line.checked_prices(self.prices))
        default = market_setup.DEFAULT_CHAIN_ID
        if recorded and self.chain_id not in (None, default, CHAINS[default].price_chain):
            raise ControlRefused(
                f"A recorded file is traded on {CHAINS[CHAINS[default].price_chain].name},"
                f" not on chain {self.chain_id}."
            )

    def find(self) -> tuple[PaperTradingAccount | None, Market]:
        """Return the account, None when it is new, and its market, made when that is new."""
        found = (
            PaperTradingAccount.objects.filter(name=self.name.strip(), archived_at=None)
            .select_related("owner", "market")
            .order_by("pk")
        )
        if len(found) > 1:
            owners = ", ".join(account.owner.username for account in found)
            raise ControlRefused(f"There are {len(found)} accounts {self.name!r}: of {owners}.")
        if not found:
            administrator()
            return None, self._market()
        account = found[0]
        if not self._fits(account.market):
            raise ControlRefused(
                f"{account.name} trades on {account.market}, not on {self.market or self._words()}."
            )
        if self.prices is not None and _is_file(self.prices):
            market_setup.moved(account.market, _file(self.prices))
        return account, account.market

    def open(self, market: Market) -> PaperTradingAccount:
        """Open the account with its first deposit."""
        return accounts.open_account(administrator(), self.name.strip(), market)

    def _market(self) -> Market:
        if self.market is not None:
            return self.market
        chain_id = self.chain_id or market_setup.DEFAULT_CHAIN_ID
        return seeding.market_for(self.prices or command_line.SIMULATED, chain_id=chain_id)

    def _fits(self, market: Market) -> bool:
        if self.market is not None:
            return market.pk == self.market.pk
        if self.prices is not None and _is_file(self.prices):
            return market.file_sha256 == RecordedFile.open(_file(self.prices)).sha256
        if self.prices is not None and market.mode != self.prices.upper():
            return False
        recorded = market.mode == FeedMode.RECORDED
        return self.chain_id is None or recorded or market.chain_id == self.chain_id

    def _words(self) -> str:
        prices = f"{self.prices or command_line.SIMULATED} prices"
        return prices if self.chain_id is None else f"{prices} of chain {self.chain_id}"


def _is_file(prices: str) -> bool:
    return prices.startswith(command_line.RECORDED)


def _file(prices: str) -> Path:
    return Path(prices.removeprefix(command_line.RECORDED))


def administrator() -> User:
    """Return who owns a new account; made when DEX_ADMIN_PASSWORD says with what password."""
    owner = User.objects.filter(is_superuser=True).order_by("pk").first()
    if owner is not None:
        return owner
    password = os.environ.get("DEX_ADMIN_PASSWORD", "")
    if not password:
        raise ControlRefused("There is no administrator to own the account; make one first.")
    return seeding.admin_user(password)


def strategy_of(owner: User) -> PaperStrategyConfiguration:
    """Return the owner's default strategy."""
    found, _ = PaperStrategyConfiguration.objects.get_or_create(owner=owner, name="Default")
    return found
