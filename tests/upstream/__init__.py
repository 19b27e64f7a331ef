"""Providers of prices on loopback, over real HTTP, with their limits and their faults."""

from tests.upstream.faults import Fault
from tests.upstream.server import Upstream
from tests.upstream.world import UpstreamToken, World, registry_world

__all__ = ["Fault", "Upstream", "UpstreamToken", "World", "registry_world"]
