"""Results of seeds, kept in a folder, so that a study that was interrupted goes on."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

_Outcome = TypeVar("_Outcome")


class OtherStudy(ValueError):
    """A folder holds results of other settings, or of another program."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder with one file a seed; every file says what study it belongs to."""

    folder: Path
    #: Name, settings and program of the study, as JSON has them.
    study: Mapping[str, Any]

    def outcomes(
        self, kind: type[_Outcome], run: Callable[[int], Sequence[_Outcome]], seed: int
    ) -> list[_Outcome]:
        """Return the outcomes of a seed: those that are kept, else those of a run, then kept.

        `kind` is a dataclass of numbers; JSON gives each back to the last digit.

        :raises OtherStudy: when the kept ones belong to another study.
        """
        path = self.folder / f"{self.study['name']}-{seed:06d}.json"
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["study"] != self.study:
                raise OtherStudy(
                    f"{path} was made by {found['study']}; {self.study} needs another folder"
                )
            return [kind(**row) for row in found["outcomes"]]
        made = list(run(seed))
        rows = [asdict(one) for one in made]  # type: ignore[call-overload]
        self.folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(
            json.dumps({"study": self.study, "outcomes": rows}) + "\n", encoding="utf-8"
        )
        part.replace(path)
        return made
