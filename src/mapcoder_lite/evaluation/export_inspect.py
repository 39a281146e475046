"""A run as a log of Inspect, which its viewer and its data frames read.

An attempt is a sample, its number the epoch; each call is a model event under the name of its role,
each trial an info event; the score is the verdict on the hidden tests. Whatever is not in pass@1
has no score: grades that are the judge's fault, attempts that are not graded, further attempts
where passes lacked.

Source: inspect_ai 0.3, inspect_ai/log/_log.py and inspect_ai/event.

Knows: run directories, Inspect's records.
Does not know: how numbers are made, terminals.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mapcoder_lite.errors import ConfigError
from mapcoder_lite.evaluation.metrics import measure_opened
from mapcoder_lite.evaluation.run_files import RunFiles, open_run
from mapcoder_lite.evaluation.scores import is_scored
from mapcoder_lite.jsonl import read_record
from mapcoder_lite.store import Manifest, Unit
from mapcoder_lite.tables import one_line
from mapcoder_lite.trajectory import Call, Completion, Message, Trajectory, Trial

ENDINGS = {".eval": "eval", ".json": "json"}
SCORER = "hidden_tests"

Foreign = Any
"""A record of Inspect's; Any: the package is an extra, so its types are not to be had."""


def export_inspect(path: Path, file: Path) -> int:
    """Write a run's log, whole or not at all, and return the number of its samples.

    Raises:
        ConfigError: inspect_ai is absent, or the file ends neither in .eval nor in .json.
        StoreError: it is no run directory, or a line is damaged.
        SandboxError: the run's judge failed its self-test, or was never examined.
    """
    kind = ENDINGS.get(file.suffix)
    if kind is None:
        raise ConfigError(f"{file}: a log of Inspect ends in {' or '.join(ENDINGS)}")
    if find_spec("inspect_ai") is None:
        raise ConfigError("this format needs Inspect: pip install 'mapcoder-lite[inspect]'")
    run = open_run(path)
    log = _log(run)
    temporary = file.with_name(f".{os.getpid()}.{file.name}")
    try:
        _logs().write_eval_log(log, str(temporary), format=kind)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    return len(log.samples)


def _logs() -> Foreign:
    return import_module("inspect_ai.log")


def _log(run: RunFiles) -> Foreign:
    logs = _logs()
    header, finished = run.header, _finished(run.path)
    samples = list(_samples(run, finished or datetime.now(UTC)))
    spec = logs.EvalSpec(
        created=(finished or datetime.now(UTC)).isoformat(),
        task=run.path.resolve().name,
        run_id=header.config_digest[:22],
        task_id=header.problems_digest[:22],
        dataset=logs.EvalDataset(
            name=header.config.run.problems and Path(header.config.run.problems).parent.name,
            samples=len(run.problems),
            sample_ids=list(map(one_line, run.problems)),
        ),
        model=header.engine_identity,
        config=logs.EvalConfig(epochs=header.config.run.samples),
        packages={"mapcoder-lite": header.version},
        metadata={
            "commit": header.commit,
            "adapters": header.adapters,
            "judge": run.examination.model_dump(mode="json"),
            "settings": header.config.model_dump(mode="json", exclude_defaults=True),
        },
    )
    return logs.EvalLog(
        status="success" if finished else "cancelled",
        eval=spec,
        results=_results(run, len(samples)),
        samples=samples,
    )


def _finished(path: Path) -> datetime | None:
    manifest = path / "manifest.json"
    if not manifest.exists():
        return None
    return datetime.fromisoformat(read_record(manifest, Manifest).finished)


def _results(run: RunFiles, num_samples: int) -> Foreign:
    """pass@1 as `mapcoder report` gives it, by Inspect's name of it."""
    logs = _logs()
    metrics = measure_opened(run, has_intervals=False)
    scores: list[Foreign] = []
    if metrics.passed is not None and metrics.passed.share is not None:
        accuracy = logs.EvalMetric(name="accuracy", value=metrics.passed.share)
        scores.append(
            logs.EvalScore(
                name=SCORER,
                scorer=SCORER,
                scored_samples=metrics.passed.num_total,
                unscored_samples=num_samples - metrics.passed.num_total,
                metrics={"accuracy": accuracy},
            )
        )
    return logs.EvalResults(
        total_samples=metrics.num_units, completed_samples=num_samples, scores=scores
    )


def _samples(run: RunFiles, start: datetime) -> Iterator[Foreign]:
    for trajectory in run.trajectories():
        yield _sample(run, trajectory, start)


def _sample(run: RunFiles, trajectory: Trajectory, start: datetime) -> Foreign:
    models = import_module("inspect_ai.model")
    facts = run.problems[trajectory.problem_id]
    calls = trajectory.calls
    asked = calls[0].request.messages_sent[-1].content if calls else facts.title
    answer = trajectory.program or ""
    return _logs().EvalSample(
        id=one_line(trajectory.problem_id),
        epoch=trajectory.sample + 1,
        input=asked,
        target="",
        messages=[
            models.ChatMessageUser(content=asked),
            models.ChatMessageAssistant(content=answer),
        ],
        output=models.ModelOutput.from_content(run.header.engine_identity, answer),
        scores=_scores(run, Unit(trajectory.problem_id, trajectory.sample), answer),
        metadata={
            "title": facts.title,
            "tags": list(facts.tags),
            "difficulty": facts.difficulty,
            "defect": facts.defect,
            "stop": trajectory.stop.value,
            "language": trajectory.language.value,
        },
        events=list(_events(trajectory, start)),
        model_usage=_usage_by_model(calls),
        total_time=trajectory.seconds,
    )


def _scores(run: RunFiles, unit: Unit, answer: str) -> dict[str, Foreign] | None:
    grade = run.grades.get(unit)
    if grade is None or not is_scored(unit, grade, run.header.config.run.samples):
        return None
    judgement = grade.judgement
    verdict = "no program" if judgement is None else judgement.verdict.value
    passed = "" if judgement is None else f", {judgement.num_passed} of {judgement.num_total} tests"
    score = import_module("inspect_ai.scorer").Score(
        value="C" if grade.is_passed else "I",
        answer=answer,
        explanation=verdict + passed,
        metadata={"verdict": verdict},
    )
    return {SCORER: score}


def _events(trajectory: Trajectory, start: datetime) -> Iterator[Foreign]:
    """Every step; of its time only the distance from the attempt's start is known."""
    elapsed = 0.0
    for step in trajectory.steps:
        times = {"timestamp": start + timedelta(seconds=elapsed), "working_start": elapsed}
        if isinstance(step, Call):
            yield _call(step, times)
            elapsed += step.completion.seconds
        else:
            yield _trial(step, times)


def _call(call: Call, times: dict[str, Any]) -> Foreign:
    models, events = import_module("inspect_ai.model"), import_module("inspect_ai.event")
    completion, sampling = call.completion, call.request.sampling
    stop = "max_tokens" if completion.finish_reason == "length" else "stop"
    output = models.ModelOutput.from_content(completion.model, completion.text, stop_reason=stop)
    output.usage = _usage(completion)
    output.time = completion.seconds
    failure = call.failure
    return events.ModelEvent(
        model=completion.model,
        role=call.role.value,
        input=[_message(message) for message in call.request.messages_sent],
        tools=[],
        tool_choice="none",
        config=models.GenerateConfig(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
            seed=sampling.seed,
        ),
        output=output,
        metadata={
            "kind": call.kind.value,
            "plan": call.plan_index,
            "round": call.round,
            "adapter": call.request.adapter,
            "adapter_digest": completion.adapter_digest,
            "format_failure": None if failure is None else failure.model_dump(),
        },
        **times,
    )


def _message(message: Message) -> Foreign:
    models = import_module("inspect_ai.model")
    kinds = {
        "system": models.ChatMessageSystem,
        "user": models.ChatMessageUser,
        "assistant": models.ChatMessageAssistant,
    }
    return kinds[message.role](content=message.content)


def _trial(trial: Trial, times: dict[str, Any]) -> Foreign:
    judgement = trial.judgement
    return import_module("inspect_ai.event").InfoEvent(
        source="judge",
        data={
            "verdict": judgement.verdict.value,
            "passed": judgement.num_passed,
            "total": judgement.num_total,
            "plan": trial.plan_index,
            "round": trial.round,
            "program": trial.program,
        },
        **times,
    )


def _usage(completion: Completion) -> Foreign:
    """Inspect counts tokens that a server had cached apart from those that it read anew."""
    usage = completion.usage
    return import_module("inspect_ai.model").ModelUsage(
        input_tokens=usage.prompt_tokens - usage.cached_tokens,
        input_tokens_cache_read=usage.cached_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
    )


def _usage_by_model(calls: tuple[Call, ...]) -> dict[str, Foreign]:
    total: dict[str, Foreign] = {}
    for call in calls:
        model, usage = call.completion.model, _usage(call.completion)
        total[model] = total[model] + usage if model in total else usage
    return total
