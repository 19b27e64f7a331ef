"""`python -m paper_trading.bot --account-name MyBot --intel-level 5`."""

import os
import sys

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dexproject.settings")
    django.setup()
    from paper_trading.bot.enhanced_bot import main

    sys.exit(main())
