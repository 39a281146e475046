"""Judges on the machines of a cluster, each examined before it judges.

Knows: which judge has least to do, judges that are lost.
Does not know: how programs are judged, units.
"""

import logging
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

from mapcoder_lite.cluster.joining import (
    PATIENCE_SECONDS,
    answers,
    end,
    first_line,
    lost_kinds,
    ray_itself,
)
from mapcoder_lite.errors import ConfigError, SandboxError
from mapcoder_lite.judge.selftest import refuse_untrusted, run_selftest
from mapcoder_lite.problem import Checker, Io, Language, Limits, Test
from mapcoder_lite.settings import ClusterConfig
from mapcoder_lite.verdict import Isolation, Judge, Judgement

_log = logging.getLogger(__name__)

_REST_SECONDS = 5.0  # for a judge that is being restarted


@contextmanager
def opened_judges(
    settings: ClusterConfig, open_judge: Callable[[], Judge], languages: Sequence[Language]
) -> Generator["RemoteJudge"]:
    """Start the judges of the cluster, each examined before it judges anything.

    Raises:
        ConfigError: the cluster has no machine with the resource `judge`.
        SandboxError: a judge failed its self-test, or programs cannot be isolated on its machine.
    """
    ray = ray_itself()
    most = int(ray.cluster_resources().get("judge", 0))
    num_judges = settings.judges or most
    if not 0 < num_judges <= most:
        raise ConfigError(
            f"the machines of the cluster may judge {most} programs at a time, and "
            f"{num_judges or 'some'} are wanted (cluster.judges): say of each machine how many it "
            "may, as ray start --resources='{\"judge\": 8}'"
        )
    kind = ray.remote(num_cpus=0, resources={"judge": 1}, max_restarts=-1)(_Judge)
    actors = [kind.remote(open_judge, tuple(languages)) for _ in range(num_judges)]
    try:
        isolations = answers([actor.ready.remote() for actor in actors])
        yield RemoteJudge(actors, isolations[0])
    finally:
        end(actors)


class RemoteJudge:
    """Judges on the machine that has least to do; what a lost judge owed is judged by another."""

    def __init__(self, actors: Sequence[Any], isolation: Isolation) -> None:
        self._actors = list(actors)
        self._isolation = isolation
        self._outstanding = [0] * len(self._actors)
        self._rests_until = [0.0] * len(self._actors)
        self._lock = Lock()  # protects the two lists above

    def __reduce__(self) -> tuple[Any, ...]:
        return RemoteJudge, (self._actors, self._isolation)

    @property
    def isolation(self) -> Isolation:
        """How the first judge keeps programs in; every judgement says its own."""
        return self._isolation

    def judge(
        self,
        program: str,
        language: Language,
        tests: Sequence[Test],
        *,
        limits: Limits,
        checker: Checker,
        io: Io = Io(),
        stop_early: bool = False,
        show_tests: bool = True,
    ) -> Judgement:
        """Run a program on every test, as a judge here would.

        Raises:
            SandboxError: a judge could not judge, or all judges are lost.
        """
        manner = {
            "limits": limits,
            "checker": checker,
            "io": io,
            "stop_early": stop_early,
            "show_tests": show_tests,
        }
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            place = self._chosen()
            if place is None:
                time.sleep(0.2)
                continue
            try:
                asked = self._actors[place].judge.remote(program, language, tests, manner)
                return answers([asked])[0]
            except lost_kinds() as error:
                _log.warning("a judge was lost; another judges again: %s", first_line(error))
                self._rest(place)
            finally:
                with self._lock:
                    self._outstanding[place] -= 1
        raise SandboxError(
            f"all {len(self._actors)} judges of the cluster were lost for {PATIENCE_SECONDS:.0f} "
            "s: start a machine with the resource `judge`; the same command goes on"
        )

    def close(self) -> None:
        """Nothing: the judges end with `opened_judges`."""

    def _chosen(self) -> int | None:
        with self._lock:
            now = time.monotonic()
            awake = [i for i, until in enumerate(self._rests_until) if until <= now]
            if not awake:
                return None
            place = min(awake, key=lambda i: self._outstanding[i])
            self._outstanding[place] += 1
            return place

    def _rest(self, place: int) -> None:
        with self._lock:
            self._rests_until[place] = time.monotonic() + _REST_SECONDS


class _Judge:
    """The process that judges, one program at a time."""

    def __init__(self, open_judge: Callable[[], Judge], languages: Sequence[Language]) -> None:
        self._open = open_judge
        self._languages = languages
        self._judge: Judge | None = None

    def ready(self) -> Isolation:
        """Say how programs are kept in."""
        return self._examined().isolation

    def judge(
        self, program: str, language: Language, tests: Sequence[Test], manner: dict[str, Any]
    ) -> Judgement:
        """Judge a program."""
        return self._examined().judge(program, language, tests, **manner)

    def _examined(self) -> Judge:
        """Open the judge and examine it: after a restart on another machine, again."""
        if self._judge is None:
            judge = self._open()
            refuse_untrusted(run_selftest(judge, self._languages))
            self._judge = judge
        return self._judge
