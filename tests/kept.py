"""Rows that the tests of a module share: made once, and found as they were by each of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import transaction
from pytest_django import DjangoDbBlocker

from paper_trading.models import InternalError

_Made = TypeVar("_Made")


@contextmanager
def kept(
    blocker: DjangoDbBlocker, make: Callable[[], _Made], *, internal_errors: bool = False
) -> Iterator[_Made]:
    """Make rows in a transaction around those of the tests, which undo their own changes only.

    To be yielded from a fixture of a module whose every test asks for it: another test of that
    module would find the rows, too.
    """
    undone = transaction.atomic()
    # As in a test: what is durable inside is so for everybody but the test.
    setattr(undone, "_from_testcase", True)  # noqa: B010
    with blocker.unblock(), undone:
        made = make()
        # What a test is checked for after its end was logged before it here.
        assert InternalError.objects.exists() == internal_errors
        yield made
        transaction.set_rollback(True)
