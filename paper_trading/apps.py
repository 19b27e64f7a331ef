"""App configuration: exact decimals before any thread starts, checks, a way to live sources."""

from django.apps import AppConfig

from paper_trading.engine.money import install_context


class PaperTradingConfig(AppConfig):
    """The paper trading app."""

    name = "paper_trading"
    verbose_name = "Paper trading"

    def ready(self) -> None:
        """Install the decimal context and the way to live sources; register the checks."""
        install_context()
        from paper_trading import checks  # noqa: F401
        from paper_trading.services import live_markets

        live_markets.install_asking()
