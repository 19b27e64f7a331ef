"""A node's JSON-RPC."""

from tests.upstream.faults import bad_request
from tests.upstream.providers import Answered, Asked
from tests.upstream.world import View


def rpc(view: View, asked: Asked) -> Answered:
    """Answer a batch."""
    return bad_request(f"{asked.path} of {view}"), ""
