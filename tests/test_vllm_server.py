"""A real vLLM with the pocket backbone and its four adapters; `make test-vllm` runs this.

The server is vLLM's CPU build in fp32, asked over HTTP by the engine that every run uses.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import peft
import pytest
import torch

from mapcoder_lite import config, pipeline
from mapcoder_lite.agents import retrieval
from mapcoder_lite.cli import engines
from mapcoder_lite.engine import deep
from mapcoder_lite.engine.local import LocalEngine
from mapcoder_lite.engine.openai import OpenAIEngine
from mapcoder_lite.errors import Cancelled, PromptTooLong, UnknownAdapter
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.pocket.world import WEIGHTS, problem_set
from mapcoder_lite.trajectory import (
    Call,
    CallKind,
    Cancellation,
    Completion,
    Engine,
    Message,
    Request,
    Role,
    Sampling,
    Trajectory,
    Watch,
)
from vllm_server import ENVIRONMENT, VllmServer, started

pytestmark = pytest.mark.vllm

NUM_PROBLEMS = 20
NUM_THREADS = 8
CALLS_A_KIND = 5
"""How many calls of each kind are compared with PEFT, token by token."""


@pytest.fixture(scope="module")
def server() -> Iterator[VllmServer]:
    if not (ENVIRONMENT / ".ready").exists():
        pytest.skip(f"no vLLM in {ENVIRONMENT.name}: make test-vllm sets it up")
    with started() as running:
        print(f"\nvLLM answers after {running.start_seconds:.0f} s")  # noqa: T201
        yield running


@pytest.fixture(scope="module")
def settings(server: VllmServer) -> config.Config:
    """What the verb told the user to set; a second ask stays greedy, for seeds do not match."""
    return config.load((), [*server.overrides, "traversal.retry_temperature=0.0"])


@pytest.fixture(scope="module")
def remote(settings: config.Config) -> Iterator[Engine]:
    with engines.opened_engine(settings) as engine:
        yield engine


@pytest.fixture(scope="module")
def local() -> Iterator[LocalEngine]:
    folders = {role.value: WEIGHTS / "adapters" / role.value for role in Role}
    engine = LocalEngine(WEIGHTS / "pocket-backbone", folders, device="cpu", num_threads=1)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def trajectories(remote: Engine, settings: config.Config) -> list[Trajectory]:
    """Twenty problems solved over HTTP, several at the same time."""
    puzzles = list(islice(problem_set("test"), NUM_PROBLEMS))
    dials = engines.dials(settings)
    begun = time.monotonic()
    threads = ThreadPoolExecutor(NUM_THREADS)
    try:
        with SandboxJudge(2) as judge:
            solved = list(
                threads.map(lambda p: pipeline.solve(p.problem, remote, judge, dials), puzzles)
            )
    finally:
        threads.shutdown(wait=False, cancel_futures=True)  # Ctrl-C waits for no problem
    stops = dict(Counter(trajectory.stop.value for trajectory in solved))
    print(f"{NUM_PROBLEMS} problems in {time.monotonic() - begun:.0f} s: {stops}")  # noqa: T201
    return solved


@pytest.fixture(scope="module")
def calls(trajectories: list[Trajectory]) -> list[Call]:
    return [call for trajectory in trajectories for call in trajectory.calls]


@dataclass(frozen=True, slots=True)
class Oracle:
    """transformers and PEFT, one request at a time."""

    model: Any
    tokenizer: Any

    def prompt(self, request: Request) -> list[int]:
        chat = [message.model_dump() for message in request.messages_sent]
        encoded = self.tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, return_dict=True
        )
        return list(encoded["input_ids"])

    def tokens(self, request: Request) -> list[int]:
        """Draw greedily; an end token is the last."""
        self.model.set_adapter(request.adapter)
        prompt = torch.tensor([self.prompt(request)])
        with torch.inference_mode():
            whole = self.model.generate(
                input_ids=prompt,
                attention_mask=torch.ones_like(prompt),
                do_sample=False,
                max_new_tokens=request.sampling.max_tokens,
            )
        return whole[0, prompt.shape[1] :].tolist()

    def parting(self, request: Request, other: Sequence[int]) -> str:
        """Say where another's tokens part from ours, and how nearly the logits tie there."""
        own = self.tokens(request)
        at = next((i for i, pair in enumerate(zip(own, other, strict=False)) if len(set(pair)) > 1))
        with torch.inference_mode():
            prefix = torch.tensor([[*self.prompt(request), *own[:at]]])
            best = self.model(input_ids=prefix).logits[0, -1].topk(2)
        margin = float(best.values[0] - best.values[1])
        return f"token {at}: {own[at]} here, {other[at]} there, logit margin {margin:.2e}"


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    backbone = WEIGHTS / "pocket-backbone"
    model: Any = AutoModelForCausalLM.from_pretrained(backbone, dtype=torch.float32)
    for role in Role:
        folder = WEIGHTS / "adapters" / role.value
        if role is Role.RETRIEVAL:
            model = peft.PeftModel.from_pretrained(
                model, folder, adapter_name=role.value, autocast_adapter_dtype=False
            )
        else:
            model.load_adapter(folder, adapter_name=role.value, autocast_adapter_dtype=False)
    return Oracle(model.float().eval(), AutoTokenizer.from_pretrained(backbone))


def ask_raw(server: VllmServer, request: Request, model: str) -> tuple[list[int], list[int]]:
    """Ask past our client; return the tokens of prompt and reply."""
    answer = server.post(
        "/v1/chat/completions",
        model=model,
        messages=[message.model_dump() for message in request.messages_sent],
        temperature=0,
        max_tokens=request.sampling.max_tokens,
        return_token_ids=True,
    )
    return answer["prompt_token_ids"], answer["choices"][0]["token_ids"]


def outcome(completion: Completion) -> tuple[str, str, int, int]:
    usage = completion.usage
    return (
        completion.text,
        completion.finish_reason,
        usage.prompt_tokens,
        usage.completion_tokens,
    )


def test_twenty_problems_get_the_replies_that_the_engine_here_gives(
    trajectories: list[Trajectory], calls: list[Call], local: LocalEngine
) -> None:
    """Every call of every trajectory: text, ending, and tokens of prompt and reply."""
    own = local.complete([call.request for call in calls])
    pairs = list(zip(calls, own, strict=True))
    unequal = [call for call, mine in pairs if outcome(call.completion) != outcome(mine)]
    num_tokens = sum(call.completion.usage.completion_tokens for call in calls)
    print(  # noqa: T201
        f"{len(calls)} calls, {num_tokens} tokens; {len(calls) - len(unequal)} calls equal, "
        f"{len(unequal)} not"
    )
    assert {call.role for call in calls} == set(Role)
    assert sum(trajectory.stop == "solved" for trajectory in trajectories) >= NUM_PROBLEMS // 3
    assert not unequal, [(call.kind.value, call.completion.text) for call in unequal]


def test_the_tokens_are_those_of_transformers_and_peft(
    server: VllmServer, calls: list[Call], oracle: Oracle
) -> None:
    """Some calls of each kind, asked again all at once for their tokens themselves."""
    of_kind = {kind: [call for call in calls if call.kind is kind] for kind in CallKind}
    assert all(of_kind.values()), "a kind of call did not occur: take other problems"
    sample = [call for kind in CallKind for call in of_kind[kind][:CALLS_A_KIND]]
    with ThreadPoolExecutor(len(sample)) as threads:
        served = list(
            threads.map(lambda call: ask_raw(server, call.request, call.role.value), sample)
        )
    unequal, num_tokens = [], 0
    for call, (prompt, tokens) in zip(sample, served, strict=True):
        assert prompt == oracle.prompt(call.request)
        num_tokens += len(tokens)
        if tokens != oracle.tokens(call.request):
            unequal.append(f"{call.kind.value}: {oracle.parting(call.request, tokens)}")
    print(f"{len(sample)} calls, {num_tokens} tokens by PEFT; {len(unequal)} not equal")  # noqa: T201
    assert not unequal, "\n".join(unequal)


def question(role: Role, number: int = 0, **sampling: Any) -> Request:
    """A chat of the pocket world's kind, short enough for every test."""
    puzzle = next(islice(problem_set("test"), number, None))
    message = Message(role="user", content=puzzle.problem.statement)
    return Request(
        messages=(message,), adapter=role.value, sampling=Sampling(**{"max_tokens": 48} | sampling)
    )


def test_on_the_cpu_base_rows_beside_adapter_rows_are_wrong(server: VllmServer) -> None:
    """The trap that `serve-cmd` warns of: should this fail, vLLM is mended and the warning goes."""
    backbone = WEIGHTS.joinpath("pocket-backbone").name
    requests = [question(Role.CODING, number) for number in range(8)]

    def together(models: Sequence[str]) -> list[list[int]]:
        work = [(model, request) for model in models for request in requests]
        with ThreadPoolExecutor(len(work)) as threads:
            return list(threads.map(lambda pair: ask_raw(server, pair[1], pair[0])[1], work))

    base, adapted = together([backbone]), together(["coding"])
    mixed = together([backbone, "coding"])
    num_wrong = sum(mine != other for mine, other in zip(base, mixed[:8], strict=True))
    print(f"base rows beside adapter rows: {num_wrong} of 8 wrong")  # noqa: T201
    assert mixed[8:] == adapted
    assert num_wrong > 0, "base rows are right beside adapter rows: take the warning back"


def test_the_probe_sees_that_every_adapter_is_applied(remote: Engine) -> None:
    """The pocket adapters part from the backbone late on questions that they were not made for."""
    adapters, _ = deep.examine_adapters(remote, [role.value for role in Role])
    assert adapters.is_good, adapters.detail


def test_the_backbone_alone_is_the_backbone_here(remote: Engine, local: LocalEngine) -> None:
    requests = [
        question(Role.CODING, number).model_copy(update={"adapter": None}) for number in range(4)
    ]
    served, own = remote.complete(requests), local.complete(requests)
    assert [outcome(reply) for reply in served] == [outcome(reply) for reply in own]


def test_an_adapter_that_the_server_lacks_is_named(server: VllmServer) -> None:
    engine = OpenAIEngine(f"{server.address}/v1", "pocket-backbone", {"coding": "coding-deadbeef"})
    try:
        with pytest.raises(UnknownAdapter, match="coding-deadbeef"):
            engine.complete([question(Role.CODING)])
        with pytest.raises(UnknownAdapter, match="planning"):
            engine.complete([question(Role.PLANNING)])
    finally:
        engine.close()


def long_question(num_words: int, max_tokens: int) -> Request:
    message = Message(role="user", content="word " * num_words)
    return Request(messages=(message,), adapter="coding", sampling=Sampling(max_tokens=max_tokens))


@pytest.mark.parametrize(
    ("num_words", "max_tokens"),
    [
        pytest.param(3000, 20, id="the prompt alone"),
        pytest.param(1980, 100, id="prompt and reply, which vLLM would shorten in silence"),
        pytest.param(20, 200_000, id="the reply alone"),
    ],
)
def test_what_exceeds_the_context_is_refused(
    remote: Engine, num_words: int, max_tokens: int
) -> None:
    with pytest.raises(PromptTooLong, match="2048"):
        remote.complete([long_question(num_words, max_tokens)])


def until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_what_is_called_off_ends_on_the_server(server: VllmServer, remote: Engine) -> None:
    endless = [long_question(40 + number, 1800) for number in range(8)]
    cancellation, raised = Cancellation(), threading.Event()

    def wait() -> None:
        with pytest.raises(Cancelled):
            remote.complete(endless, Watch(cancellation))
        raised.set()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        assert until(lambda: server.num_running() == 8, 60), "they never ran"
    finally:
        cancellation.cancel()
    assert raised.wait(5), "the caller was not let go"
    begun = time.monotonic()
    assert until(lambda: server.num_running() == 0, 10), "the server goes on for nobody"
    print(f"8 called off; the server was idle after {time.monotonic() - begun:.2f} s")  # noqa: T201
    thread.join()


def test_usage_and_cached_tokens_are_counted(
    calls: list[Call], remote: Engine, local: LocalEngine
) -> None:
    """The plans of one problem share their beginning, the second confidence the first's, ..."""
    usages = [call.completion.usage for call in calls]
    shares = {
        kind.value: (
            sum(c.completion.usage.cached_tokens for c in calls if c.kind is kind),
            sum(c.completion.usage.prompt_tokens for c in calls if c.kind is kind),
        )
        for kind in CallKind
    }
    print(f"cached of prompt tokens: {shares}")  # noqa: T201
    assert all(0 <= usage.cached_tokens < usage.prompt_tokens for usage in usages)
    assert shares["plan"][0] > 0
    again = remote.complete([calls[0].request])[0]
    assert again.usage.cached_tokens >= 128  # whole blocks of the CPU's cache
    assert again.usage.prompt_tokens == usages[0].prompt_tokens


def test_a_stop_string_ends_the_text_before_it(remote: Engine, local: LocalEngine) -> None:
    whole = remote.complete([question(Role.CODING, max_tokens=120)])[0].text
    assert whole.count("=") > 1
    request = question(Role.CODING, max_tokens=120, stop=(" =", "never"))
    served, own = remote.complete([request])[0], local.complete([request])[0]
    assert (served.text, served.finish_reason) == (whole.partition(" =")[0], "stop")
    assert served.text == own.text


def test_a_seed_decides_whatever_runs_beside(remote: Engine) -> None:
    drawn = [question(Role.PLANNING, temperature=2.0, seed=seed) for seed in range(6)]
    alone = [remote.complete([request])[0].text for request in drawn]
    together = [reply.text for reply in remote.complete(drawn[::-1])][::-1]
    assert len(set(alone)) > 1
    assert together == alone


def test_a_reply_comes_bit_by_bit(remote: Engine) -> None:
    requests = [question(role) for role in Role]
    texts: dict[int, list[str]] = {index: [] for index in range(len(requests))}
    watch = Watch(on_text=lambda index, text: texts[index].append(text))
    replies = remote.complete(requests, watch)
    assert ["".join(texts[index]) for index in texts] == [reply.text for reply in replies]
    assert all(len(bits) > 4 for bits in texts.values())
    assert [outcome(r) for r in replies] == [outcome(r) for r in remote.complete(requests)]


@pytest.mark.parametrize("adapter", ["retrieval", None])
def test_a_reply_is_held_to_its_layout(
    remote: Engine, local: LocalEngine, adapter: str | None
) -> None:
    """Also the backbone's, which knows no layout; the engine here says the same under a grammar."""
    puzzles = islice(problem_set("test"), 6)
    questions = [retrieval.recall(puzzle.problem, 2) for puzzle in puzzles]
    requests = [
        Request(
            messages=question.messages,
            adapter=adapter,
            sampling=Sampling(max_tokens=512),
            grammar=question.grammar,
        )
        for question in questions
    ]
    served = remote.complete(requests)
    own = local.complete(requests)
    num_equal = sum(outcome(a) == outcome(b) for a, b in zip(served, own, strict=True))
    print(f"held to a layout, {adapter or 'backbone'}: {num_equal} of 6 as here")  # noqa: T201
    assert [len(q.parse(reply).exemplars) for q, reply in zip(questions, served, strict=True)] == [
        2
    ] * 6
    assert num_equal == len(requests)
