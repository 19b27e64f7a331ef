"""The application's own processes: web, worker, beat and Flower."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .environment import manage, python
from .errors import Refused
from .options import ROOT
from .paths import DataDirectory
from .ports import HOST
from .process import ProcessSpec

QUEUES = ("ticks", "analysis", "maintenance")
ADMIN = "admin"

_STOP_FIRST, _STOP_SECOND = 0, 1
# Celery's advice against root is meant for servers; on a test machine it buries the rest.
_ROOT_WARNING = "ignore:You're running the worker with superuser privileges"


@dataclass(frozen=True, slots=True)
class Apps:
    """Build the process of each part from one environment and one pair of ports."""

    home: DataDirectory
    environment: Mapping[str, str]
    port: int
    flower_port: int
    flower_password: str

    def services(self) -> list[ProcessSpec]:
        """Return the processes that run until the end, in order of start."""
        return [self.web(), self.worker(), self.beat(), self.flower()]

    def web(self) -> ProcessSpec:
        """Return the ASGI server of the pages, the API and the websocket."""
        arguments = (
            f"dexproject.asgi:application --host {HOST} --port {self.port} --ws auto"
            " --log-level warning --no-access-log --timeout-graceful-shutdown 3"
        )
        return self._service("web", python("-m", "uvicorn", *arguments.split()))

    def worker(self) -> ProcessSpec:
        """Return the Celery worker, which serves every queue."""
        arguments = (
            f"worker -E --queues {','.join(QUEUES)} --concurrency {concurrency()}"
            " --without-gossip --without-mingle --loglevel WARNING --hostname worker@dex"
        )
        variables = {"PYTHONWARNINGS": _ROOT_WARNING} if os.geteuid() == 0 else {}
        return self._service("worker", _celery(*arguments.split()), variables, _STOP_SECOND)

    def beat(self) -> ProcessSpec:
        """Return Celery beat; without a pid file, which a killed beat would leave behind."""
        return self._service("beat", _celery("beat", "--loglevel", "WARNING", "--pidfile="))

    def flower(self) -> ProcessSpec:
        """Return Flower behind a login; its settings stay out of the command line."""
        settings = {
            "FLOWER_ADDRESS": HOST,
            "FLOWER_PORT": str(self.flower_port),
            "FLOWER_BASIC_AUTH": f"{ADMIN}:{self.flower_password}",
            "FLOWER_PERSISTENT": "False",
            "FLOWER_CONF": "dexproject/flowerconfig.py",
        }
        return self._service("flower", _celery("flower"), settings)

    def step(self, *arguments: str, **variables: str) -> ProcessSpec:
        """Return a management command that runs to its end."""
        return ProcessSpec(
            name=arguments[0],
            argv=manage(*arguments),
            environment={**self.environment, **variables},
            log=self.home.log(arguments[0]),
            directory=ROOT,
        )

    def _service(
        self,
        name: str,
        argv: Sequence[str],
        variables: Mapping[str, str] | None = None,
        rank: int = _STOP_FIRST,
    ) -> ProcessSpec:
        return ProcessSpec(
            name=name,
            argv=tuple(argv),
            environment={**self.environment, **(variables or {})},
            log=self.home.log(name),
            directory=ROOT,
            rank=rank,
            shown=True,
        )


def concurrency(variable: str = "DEX_WORKER_CONCURRENCY") -> int:
    """Return how many tasks the worker runs at once; raises Refused for a bad variable."""
    text = os.environ.get(variable, "")
    if not text:
        return max(2, os.cpu_count() or 1) + 1
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise Refused(f"{variable} {text}: allowed is a whole number from 1 to 64")
    return int(text)


def _celery(*arguments: str) -> tuple[str, ...]:
    return python("-m", "celery", "--app", "dexproject", "--quiet", *arguments)
