"""What happens to stage messages: delivered twice, late, out of order, or not at all."""

import random
import threading
from collections.abc import Callable, Iterable
from importlib import import_module

from paper_trading.bot.progress import Step
from paper_trading.models import Tick
from tasks import sending
from tests.faults.armory import Armory, append
from tests.faults.watch import NEEDED_SECONDS, time_left

Send = Callable[[Iterable[Step]], None]

#: Of a hundred messages so many are dropped, doubled, delayed; of a hundred sends, reversed.
DROPPED, DOUBLED, DELAYED, REVERSED = 1, 10, 4, 30
LATE_SECONDS = (1.0, 2.0)


def install(armory: Armory, seed: int) -> None:
    """Let every module that sends stage messages send them badly."""
    faulty = Faulty(armory, seed, sending.send)
    for name in (*sending.TASKS.values(), "tasks.open_tick", "tasks.sweep"):
        vars(import_module(name))["send"] = faulty.send


class Faulty:
    """A way of sending that is the same for the same seed, tick and stage.

    Only a tick's first attempt meets it, and a message is lost only when the tick had no other
    fault: what is to be proven is recovery within the deadline.
    """

    def __init__(self, armory: Armory, seed: int, once: Send) -> None:
        self.armory = armory
        self.seed = seed
        self.once = once

    def send(self, steps: Iterable[Step]) -> None:
        """Send the steps with the faults that fall to them."""
        wanted = list(steps)
        if not wanted or self.armory.is_quiet() or not self._can_stand(wanted[0]):
            self.once(wanted)
            return
        if len(wanted) > 1 and self._luck(wanted[0], "order").randrange(100) < REVERSED:
            wanted.reverse()
            self._tell("reversed", wanted[0])
        for step in wanted:
            self._send(step)

    def _send(self, step: Step) -> None:
        luck = self._luck(step, "fate")
        draw = luck.randrange(100)
        if draw < DROPPED:
            if self.armory.mark(str(step.tick_id), "message"):
                self._tell("dropped", step)
                return
        elif draw < DROPPED + DOUBLED:
            self._tell("doubled", step)
            self.once([step, step])
            return
        elif draw < DROPPED + DOUBLED + DELAYED:
            self._tell("delayed", step)
            self._later(step, luck.uniform(*LATE_SECONDS))
            return
        self.once([step])

    def _later(self, step: Step, seconds: float) -> None:
        timer = threading.Timer(seconds, self.once, ([step],))
        timer.daemon = True
        timer.start()

    def _can_stand(self, step: Step) -> bool:
        tick = Tick.objects.only("attempt", "stage").get(pk=step.tick_id)
        left, _ = time_left(tick.pk, tick.stage, tick.attempt)
        return tick.attempt == 1 and left > NEEDED_SECONDS

    def _luck(self, step: Step, what: str) -> random.Random:
        return random.Random(f"{self.seed}:{what}:{step.tick_id}:{step.stage}:{step.chunk}")

    def _tell(self, fault: str, step: Step) -> None:
        line = {"fault": fault, "tick": step.tick_id, "stage": step.stage, "chunk": step.chunk}
        append(self.armory.messages, line)
