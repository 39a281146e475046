"""The shipped seccomp filters are what their generator makes."""

from pathlib import Path

import pytest

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.filters import FOLDER, load_filters


def test_shipped_filters_are_what_the_generator_makes(tmp_path: Path) -> None:
    try:
        import pyseccomp  # noqa: F401 -- absent without libseccomp, which ships the generator's half
    except (ImportError, RuntimeError, OSError) as error:
        pytest.skip(f"pyseccomp or libseccomp is absent: {error}")
    from mapcoder_lite.judge.filters.generate import write_all

    write_all(tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    shipped = {path.name: path.read_bytes() for path in FOLDER.iterdir() if path.name in made}
    assert made == shipped
    assert len(made) == 12  # three filters, two forms, two machine types


@pytest.mark.parametrize("machine", ["x86_64", "aarch64", "arm64"])
def test_filters_load(machine: str) -> None:
    filters = load_filters(machine)
    assert len(filters.strict) % 8 == 0
    assert len(filters.exec) > len(filters.strict) > 1000


def test_unknown_machine_is_refused() -> None:
    with pytest.raises(SandboxError, match="riscv64"):
        load_filters("riscv64")
