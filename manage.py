#!/usr/bin/env python
"""Run a management command: `python manage.py help` names them."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    """Run the command that the arguments name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dexproject.settings")
    # A person waits for a command; a migration or a check of the ledger may take its time.
    os.environ.setdefault("DEX_STATEMENT_TIMEOUT_MS", "0")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
