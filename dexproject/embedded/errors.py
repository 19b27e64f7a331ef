"""Failures of the launcher that are told in one line."""

LONGEST_MESSAGE = 600


class LauncherError(Exception):
    """Hold a one-line message for the user and the exit status that goes with it."""

    code = 1

    def __init__(self, message: str = "") -> None:
        # Names of files and what servers say may hold line ends, or be very long.
        super().__init__(" ".join(message.split())[:LONGEST_MESSAGE])


class Refused(LauncherError):
    """Say that the input or the surroundings do not allow a start; nothing was started."""

    code = 2


class GaveUp(LauncherError):
    """Say that a process kept ending and is not started again."""

    code = 3


class Interrupted(LauncherError):
    """Say that a signal asked the launcher to stop."""

    code = 130
