"""What completions cost, as the settings price them; what has no price is unknown, never free.

Knows: prices by role and sample, tokens, the upper estimate of a request.
Does not know: budgets, files, servers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mapcoder_lite.config import Config
from mapcoder_lite.settings import PriceConfig
from mapcoder_lite.trajectory import Call, Completion, Request, Role, Usage

_MILLION = 1_000_000
_TEMPLATE_TOKENS = 32
"""Of a chat template around one message, and more than any known one adds."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What each engine takes, by who answers."""

    default: PriceConfig | None = None
    roles: Mapping[str | None, PriceConfig | None] = field(
        default_factory=lambda: MappingProxyType[str | None, PriceConfig | None]({})
    )
    """Roles whose engine is another one; None = the supervisor, which is no role."""
    teachers: tuple[PriceConfig | None, ...] = ()
    """Further engines that take the samples in turn with the default one."""

    @property
    def num_turns(self) -> int:
        """How many engines take the samples in turn."""
        return 1 + len(self.teachers)

    def of(self, role: str | None, sample: int) -> PriceConfig | None:
        """Return the price of the engine that answers a role in a sample; None = unknown."""
        if role in self.roles:
            return self.roles[role]
        return (self.default, *self.teachers)[sample % self.num_turns]

    @property
    def unknown_roles(self) -> list[str]:
        """Roles that an engine without a price may answer, in the order of the pipeline."""
        turns = range(self.num_turns)
        unknown = [
            role.value for role in Role if any(self.of(role.value, turn) is None for turn in turns)
        ]
        is_supervised = None in self.roles
        return [*unknown, "supervisor"] if is_supervised and not self.roles[None] else unknown

    def dollars(self, request: Request, usage: Usage) -> float | None:
        """Return what an answer cost; None when its engine has no price."""
        return cost(self.of(request.adapter, request.sample), usage)

    def of_call(self, call: Call) -> float | None:
        """Return what a recorded answer cost; None when its engine has no price."""
        return self.dollars(call.request, usage_of(call.request, call.completion))


def cost(price: PriceConfig | None, usage: Usage) -> float | None:
    """Return what tokens cost in dollars; None without a price."""
    if price is None:
        return None
    cached = price.prompt if price.cached is None else price.cached
    return (
        (usage.prompt_tokens - usage.cached_tokens) * price.prompt
        + usage.cached_tokens * cached
        + usage.completion_tokens * price.completion
    ) / _MILLION


def prices_of(settings: Config, *, is_repair: bool = False) -> Prices:
    """Return the prices that a configuration gives; a repair asks the supervisor too."""
    others: dict[str | None, PriceConfig | None] = {
        role.value: engine.price for role, engine in settings.roles.items()
    }
    if is_repair and settings.supervisor is not None:
        others[None] = settings.supervisor.price
    teachers = tuple(engine.price for engine in settings.teachers)
    return Prices(settings.engine.price, others, teachers)


def most_usage(request: Request) -> Usage:
    """Return tokens that an answer does not exceed: no token is shorter than a byte."""
    said = sum(len(m.content.encode()) + _TEMPLATE_TOKENS for m in request.messages_sent)
    return Usage(prompt_tokens=said, completion_tokens=request.sampling.max_tokens)


def usage_of(request: Request, completion: Completion) -> Usage:
    """Return what an answer used; of a server that counts nothing, the most it can have been."""
    counted = completion.usage
    if counted.prompt_tokens or counted.completion_tokens:
        return counted
    return most_usage(request)
