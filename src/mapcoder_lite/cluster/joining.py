"""Join a Ray cluster, and tell what its processes answer from their loss.

Knows: Ray's start and end, its exceptions.
Does not know: what the processes do.
"""

import math
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from mapcoder_lite.config import prepare_ray
from mapcoder_lite.engine.address import is_this_machine
from mapcoder_lite.errors import ConfigError, MapCoderError
from mapcoder_lite.settings import ClusterConfig

PATIENCE_SECONDS = 600.0
"""How long a run waits for a cluster that has lost all its solvers or judges."""
_OBJECT_BYTES = 200_000_000  # Ray's shared memory; what passes through it is small


@contextmanager
def joined(settings: ClusterConfig, num_judges_here: int) -> Generator[None]:
    """Join a cluster, or start one on this machine that ends with this process.

    Raises:
        ConfigError: Ray is not installed, or the cluster cannot be reached.
    """
    address = settings.address
    prepare_ray(stays_here=address is None or is_this_machine(f"http://{address}"))
    ray = ray_itself()
    quietly: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address is not None:
            ray.init(address, **quietly)
        else:
            ray.init(
                "local",
                num_cpus=math.ceil(settings.solvers * settings.solver_cpus),
                resources={"judge": settings.judges or num_judges_here},
                object_store_memory=_OBJECT_BYTES,
                include_dashboard=False,
                **quietly,
            )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"no Ray cluster at cluster.address={address}: {error}; start one as "
            "docs/distillation.md says, or leave cluster.address away to have one here"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def ray_itself() -> Any:
    """Return Ray, imported only where it is used.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            "run.executor=ray needs Ray on every machine: pip install 'mapcoder-lite[ray]'"
        ) from error
    return ray


def answers(refs: Sequence[Any]) -> list[Any]:
    """Wait for answers; what was raised there is raised here."""
    ray = ray_itself()
    try:
        return ray.get(list(refs))
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, MapCoderError):
            raise error.cause from None
        raise


def lost_kinds() -> tuple[type[Exception], ...]:
    """Return the faults that mean that a process or machine is gone, and nothing else."""
    from ray import exceptions

    return (
        exceptions.RayActorError,
        exceptions.ObjectLostError,
        exceptions.OutOfMemoryError,
        exceptions.NodeDiedError,
        exceptions.WorkerCrashedError,
    )


def end(actors: Sequence[Any]) -> None:
    """End processes for good; one that is gone already needs nothing."""
    ray = ray_itself()
    for actor in actors:
        if actor is not None and ray.is_initialized():
            ray.kill(actor, no_restart=True)


def first_line(error: Exception) -> str:
    """Return the gist of what Ray says at length."""
    return str(error).strip().partition("\n")[0]
