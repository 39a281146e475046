"""What is compared: a system, which is one run, or several that are its seeds.

Knows: how runs are named and opened together, whose attempts count, what must be alike in seeds.
Does not know: tests, how numbers are shown.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

    def seed_differences(self) -> tuple[str, ...]:
        """Name what differs between its runs beside the seed; they may not be one system."""
        config = self.runs[0].header.config
        keys = {
            key for run in self.runs for key, _, _ in changed_settings(config, run.header.config)
        }
        facts = [origin_of(run) | _measures_of(run) for run in self.runs]
        differing = (name for name, fact in facts[0].items() if any(f[name] != fact for f in facts))
        return (*sorted(keys - SEED_SETTINGS), *differing)


def origin_of(run: RunFiles) -> dict[str, str | None]:
    """Return what a run's answers come of, beside its settings."""
    return {
        "the engine": run.header.engine_identity,
        "adapters": run.header.adapters,
        "prompts": run.header.prompts_digest,
        "version": run.header.version,
        "commit": run.header.commit,
    }


def _measures_of(run: RunFiles) -> dict[str, str | None]:
    """What its answers are measured by."""
    return {
        "the problems": run.header.problems_digest,
        "the judge's version": str(run.examination.judge_version),
        "the sandbox": run.examination.isolation.tier,
    }


def meaning_of(problem: RunProblem) -> tuple[object, ...]:
    """Return what must be alike for one id to mean one problem."""
    return problem.title, problem.num_public_tests, problem.num_hidden_tests


def open_systems(names: Sequence[str], window: Window = ALL_DAYS) -> list[System]:
    """Open what the command line names: runs, or `RUN+RUN` for the seeds of one system.

    Raises:
        ConfigError: a run is named twice.
        StoreError: a folder is no run, a line of it is damaged, or one id means two problems in the
            seeds of one system.
        SandboxError: the judge of one failed its self-test, or was never examined.
        InputError: a run has no problem within the window.
    """
    paths = [_paths(name) for name in names]
    _refuse_twice([path for of in paths for path in of])
    systems = [
        System(SEEDS.join(map(str, of)), tuple(open_run(path, window) for path in of))
        for of in paths
    ]
    for system in systems:
        _refuse_two_meanings(system)
    return systems


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


def _refuse_two_meanings(system: System) -> None:
    """Pooled by id, attempts at two problems would be counted as attempts at one."""
    first = system.problems
    for run in system.runs:
        for id, problem in run.problems.items():
            if meaning_of(problem) != meaning_of(first[id]):
                raise StoreError(
                    f"{system.name} are no seeds of one system: {id} is another problem (title or "
                    f"number of tests) in {run.path} than in a run before it; name them apart"
                )


def _refuse_twice(paths: Sequence[Path]) -> None:
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            raise ConfigError(f"{path} is given twice: a run says nothing against itself")
        seen.add(path.resolve())
