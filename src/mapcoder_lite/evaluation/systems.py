"""What is compared: a system, which is one run, or several that are its seeds.

Knows: how runs are named and opened together, whose attempts count.
Does not know: tests, how numbers are shown.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from mapcoder_lite.config import changed_settings
from mapcoder_lite.errors import ConfigError, StoreError
from mapcoder_lite.evaluation.run_files import ALL_DAYS, RunFiles, Window, open_run
from mapcoder_lite.evaluation.scores import Scores, scored
from mapcoder_lite.run_problem import RunProblem
from mapcoder_lite.trajectory import Grade

SEEDS = "+"
"""Between the runs of one system, as in `runs/a+runs/b`."""
SEED_SETTINGS = frozenset({"traversal.seed"})
"""In which the seeds of a system may differ without a word."""


@dataclass(frozen=True, slots=True)
class System:
    """One run, or several runs that are seeds of one system."""

    name: str
    runs: tuple[RunFiles, ...]

    @property
    def problems(self) -> Mapping[str, RunProblem]:
        """Problems of any of its runs."""
        return {id: problem for run in reversed(self.runs) for id, problem in run.problems.items()}

    @property
    def has_one_attempt(self) -> bool:
        """Whether every problem was attempted once, so that problems are independent units."""
        return len(self.runs) == 1 and self.runs[0].header.config.run.samples == 1

    def scores(self) -> Scores:
        """Its runs' scored attempts together.

        Raises:
            StoreError: a run was not graded.
        """
        pooled: defaultdict[str, list[Grade]] = defaultdict(list)
        for run in self.runs:
            if not run.is_graded:
                raise StoreError(
                    f"{run.path} was not graded: give run.hidden_tests and run it anew"
                )
            for id, grades in scored(run.grades, run.header.config.run.samples).items():
                pooled[id] += grades
        return Scores(self.problems, dict(pooled), has_intervals=True)

    def seed_differences(self) -> list[str]:
        """Name what differs between its runs beside the seed; they may not be one system."""
        pairs = list(pairwise(self.runs))
        keys = {
            key
            for a, b in pairs
            for key, _, _ in changed_settings(a.header.config, b.header.config)
        }
        found = sorted(keys - SEED_SETTINGS)
        if any(a.header.engine_identity != b.header.engine_identity for a, b in pairs):
            found.append("the engine")
        if any(a.header.problems_digest != b.header.problems_digest for a, b in pairs):
            found.append("the problems")
        return found


def open_systems(names: Sequence[str], window: Window = ALL_DAYS) -> list[System]:
    """Open what the command line names: runs, or `RUN+RUN` for the seeds of one system.

    Raises:
        ConfigError: a run is named twice.
        StoreError: a folder is no run, or a line of it is damaged.
        SandboxError: the judge of one failed its self-test, or was never examined.
        InputError: a run has no problem within the window.
    """
    paths = [_paths(name) for name in names]
    _refuse_twice([path for of in paths for path in of])
    return [
        System(SEEDS.join(map(str, of)), tuple(open_run(path, window) for path in of))
        for of in paths
    ]


def place_of(name: str, systems: Sequence[System]) -> int:
    """Return which of the systems is meant.

    Raises:
        ConfigError: none is.
    """
    names = [system.name for system in systems]
    wanted = SEEDS.join(map(str, _paths(name)))
    if wanted not in names:
        raise ConfigError(f"{name} is none of the runs: {', '.join(names)}")
    return names.index(wanted)


def _paths(name: str) -> list[Path]:
    """A folder may have the sign in its name."""
    return [Path(name)] if Path(name).exists() else [Path(part) for part in name.split(SEEDS)]


def _refuse_twice(paths: Sequence[Path]) -> None:
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            raise ConfigError(f"{path} is given twice: a run says nothing against itself")
        seen.add(path.resolve())
