"""Every exception that the house raises, in one small tree.

MapCoderError                 exit 70   a fault of ours, with cause and remedy
├── InputError                exit 6    a file or text that cannot be understood
├── ConfigError               exit 2    a setting that does not exist or does not fit
├── StoreError                exit 6    a run directory that does not fit the command
├── BudgetSpent               exit 7    the calls, tokens, money or time that were allowed are used
├── EngineError               exit 3    no completion could be had
│   ├── PromptTooLong         exit 3    prompt and reply do not fit the context
│   ├── Truncated             exit 3    a server cut a prompt or a reply in silence
│   ├── UnknownAdapter        exit 3    a request names an adapter that is not loaded
│   ├── ReplayMiss            exit 3    the recording holds no answer to this request
│   └── Cancelled             exit 130  the caller called its requests off
├── TrainingError             exit 8    a training that cannot go on; what was good is kept
├── ContestError              exit 8    a contest's problem, with which no model is to help
├── SandboxError              exit 5    programs cannot be isolated, or the judge broke
└── FormatError               (data)    a reply that cannot be parsed; recorded, never fatal

Knows: what can go wrong and the exit code it ends in.
Does not know: where it happens.
"""


class MapCoderError(Exception):
    """A fault with a message that says what happened, why, and what mends it."""

    exit_code = 70


class InputError(MapCoderError, ValueError):
    """A file or text from outside that cannot be understood."""

    exit_code = 6


class ConfigError(MapCoderError, ValueError):
    """A setting that does not exist or does not fit the others."""

    exit_code = 2


class StoreError(MapCoderError):
    """A run directory that is damaged or belongs to another command."""

    exit_code = 6


class BudgetSpent(MapCoderError):
    """What a run may use up is used up; all that was paid for is kept."""

    exit_code = 7


class EngineError(MapCoderError):
    """An engine that could not complete a request."""

    exit_code = 3


class PromptTooLong(EngineError):
    """Prompt and requested reply do not fit the context; nothing was cut."""


class Truncated(EngineError):
    """A server cut a prompt or a reply in silence; another, or more context, may not."""


class UnknownAdapter(EngineError, LookupError):
    """A request names an adapter that the engine has not loaded."""


class ReplayMiss(EngineError, LookupError):
    """The recording holds no completion for a request."""


class Cancelled(EngineError):
    """The requests were called off by their own caller; no fault of anything."""

    exit_code = 130


class TrainingError(MapCoderError):
    """A training whose loss or gradient is no number any more; the last checkpoint is kept."""

    exit_code = 8


class ContestError(MapCoderError):
    """A problem of a contest, with which the user's guard lets no model help."""

    exit_code = 8


class SandboxError(MapCoderError):
    """Programs cannot be isolated here, or the judge itself failed; never a verdict."""

    exit_code = 5


class FormatError(MapCoderError, ValueError):
    """A model's reply that cannot be parsed: data on the trajectory, not a crash."""

    exit_code = 4

    def __init__(self, detail: str, *, kind: str = "bad_format", position: int | None = None):
        super().__init__(detail)
        self.position = position
        """Character of the reply at which reading failed, where that is known."""
        self.kind = kind
        """Stable short name, such as `no_root`, `no_program`, `bad_confidence`, `cut_off`."""
