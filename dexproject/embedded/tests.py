"""`test`: pytest on throw-away servers."""

from .environment import python
from .foreground import run_in_foreground, signals_end_the_work
from .options import PytestOptions
from .servers import Servers


def run_tests(options: PytestOptions) -> int:
    """Run pytest in the project root and return its exit status."""
    # Valkey's wheel brings a pytest plug-in that would start servers of its own.
    command = python("-m", "pytest", "-p", "no:valkey", *options.arguments)
    with signals_end_the_work(), Servers.temporary() as servers:
        # Making and dropping the test database may take long on a busy machine.
        patient = {"DEX_STATEMENT_TIMEOUT_MS": "0"}
        return run_in_foreground(command, servers.environment() | patient)
