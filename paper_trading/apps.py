"""App configuration: exact decimals before any thread starts, and the system checks."""

from django.apps import AppConfig

from paper_trading.engine.money import install_context


class PaperTradingConfig(AppConfig):
    """The paper trading app."""

    name = "paper_trading"
    verbose_name = "Paper trading"

    def ready(self) -> None:
        """Install the decimal context and register the checks."""
        install_context()
        from paper_trading import checks  # noqa: F401
