"""Make the deposits that workers ask for, from a process of its own."""

import json
import time
from decimal import Decimal

import django

django.setup()

from django.db import OperationalError, close_old_connections  # noqa: E402

from paper_trading.bot.accounts import deposit  # noqa: E402
from paper_trading.models import PaperTradingAccount  # noqa: E402
from tests.faults.armory import Armory  # noqa: E402

AMOUNT_USD = Decimal(100)


def serve(armory: Armory) -> None:
    """Answer requests until the end; a server that is away is waited for."""
    folder = armory.root / "deposits"
    while True:
        for request in sorted(folder.glob("*.request")):
            account = json.loads(request.read_text())["account"]
            try:
                deposit(PaperTradingAccount.objects.get(pk=account), AMOUNT_USD)
            except OperationalError:
                close_old_connections()
                continue
            request.rename(request.with_suffix(".done"))
        time.sleep(0.01)


if __name__ == "__main__":
    serve(Armory.of_environment())
