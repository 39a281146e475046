"""Where sets of problems are obtained, and what may be done with them.

Knows: names, places, licences as their cards state them.
Does not know: how they are read.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A set of problems, for whoever wants to fetch it; nothing is fetched by us."""

    what: str
    where: tuple[str, ...]
    licence: str
    """As the card or repository says; "unchecked" where that was not seen."""


PLACES: dict[str, Place] = {
    "xcodeeval": Place(
        "MapCoder's 106 problems, or the data set's descriptions with unittest_db.json beside",
        (
            "github.com/Md-Ashraful-Pramanik/MapCoder: data/xCodeEval/prog_syn_val.jsonl",
            "hf.co/datasets/NTU-NLP-sg/xCodeEval: problem_descriptions.jsonl, unittest_db.json",
        ),
        "CC BY-NC 4.0: no commercial use",
    ),
    "codecontests": Place(
        "parquet or JSON lines; splits train, validation, test (165); MapCoder's of the test split",
        (
            "hf.co/datasets/deepmind/code_contests: data/*.parquet",
            "MapCoder's repository: data/CodeContest/Test.jsonl",
        ),
        "CC BY 4.0",
    ),
    "apps": Place(
        "train.jsonl, test.jsonl (5,000 each), or MapCoder's selected150.jsonl",
        ("hf.co/datasets/codeparrot/apps", "MapCoder's repository: data/APPS"),
        "MIT by the card; the statements' own sites: unchecked",
    ),
    "humaneval": Place(
        "HumanEval, HumanEval+, HumanEval-ET; MapCoder's with samples",
        (
            "github.com/openai/human-eval: data/HumanEval.jsonl.gz",
            "hf.co/datasets/evalplus/humanevalplus",
            "github.com/evalplus/humanevalplus_release: releases, HumanEvalPlus.jsonl.gz",
            "MapCoder's repository: data/HumanEval",
        ),
        "MIT; HumanEval+ Apache-2.0; HumanEval-ET: unchecked",
    ),
    "mbpp": Place(
        "MBPP (974), sanitized (427), MBPP+ (378); MapCoder's typed ones (397)",
        (
            "github.com/google-research/google-research: mbpp",
            "hf.co/datasets/google-research-datasets/mbpp",
            "hf.co/datasets/evalplus/mbppplus",
            "MapCoder's repository: data/MBPPEval",
        ),
        "CC BY 4.0; MBPP+ Apache-2.0; the typed prompts of MultiPL-E: unchecked",
    ),
    "livecodebench": Place(
        "test.jsonl to test6.jsonl, with dates: --since, --until",
        ("hf.co/datasets/livecodebench/code_generation_lite",),
        "cc by the card, which version is not said; the statements' own sites: unchecked",
    ),
    "problem": Place(
        "one problem: Competitive Companion JSON, CPH .prob, an oj folder, a Kattis package",
        ("your own",),
        "as the problem's site or package says",
    ),
}
