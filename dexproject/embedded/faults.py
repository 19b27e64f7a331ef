"""`faults`: kill the stack on servers of its own; the driver is part of the tests."""

import os

from .environment import python
from .foreground import run_in_foreground, signals_end_the_work
from .options import FaultsOptions


def run_faults(options: FaultsOptions) -> int:
    """Run the driver in the project root and return its exit status."""
    command = python("-P", "-m", "tests.faults", *options.words())
    with signals_end_the_work():
        return run_in_foreground(command, os.environ)
