"""The upload: one commit of a folder's files to a repository of the hub.

Knows: huggingface_hub.
Does not know: what may be uploaded, where the key comes from.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from mapcoder_lite.errors import ConfigError, InputError


def upload(
    folder: Path,
    names: Sequence[str],
    repo: str,
    kind: Literal["model", "dataset"],
    token: str,
    *,
    endpoint: str | None = None,
    is_private: bool = True,
) -> str:
    """Create the repository where there is none, commit these files, return the commit's address.

    Either all files are there afterwards or none is new; `endpoint` is another hub's address.

    Raises:
        ConfigError: huggingface_hub is not installed.
        InputError: the hub refused, or did not answer.
    """
    try:
        hub: Any = import_module("huggingface_hub")  # its types are loose
        errors: Any = import_module("huggingface_hub.errors")
        httpx: Any = import_module("httpx2")  # what huggingface_hub sends by
    except ImportError as error:
        raise ConfigError(
            f"publishing needs {error.name}: pip install 'mapcoder-lite[train]'"
        ) from error
    api = hub.HfApi(endpoint=endpoint, token=token, library_name="mapcoder-lite")
    try:
        api.create_repo(repo, repo_type=kind, private=is_private, exist_ok=True)
        operations = [hub.CommitOperationAdd(name, str(folder / name)) for name in names]
        done = api.create_commit(
            repo, operations, commit_message="mapcoder publish", repo_type=kind
        )
    except (errors.HFValidationError, httpx.HTTPError, OSError) as error:
        said = str(error).replace(token, "***")
        raise InputError(
            f"{repo} was not published: {said}; see that the name is OWNER/NAME and that the key "
            "may write there"
        ) from None
    return str(done.commit_url)
