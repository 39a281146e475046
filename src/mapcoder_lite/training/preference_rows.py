"""Pairs and labelled replies as a trainer wants them: the tokens that serving sends, nothing cut.

Knows: the rows of a data set's preferences, lengths, how many a role needs.
Does not know: models, losses, optimisers.
"""

# transformers is only partly typed
# pyright: basic

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median_low

from transformers import PreTrainedTokenizerBase

from mapcoder_lite.errors import InputError
from mapcoder_lite.example import Example, Labelled, Pair, RowTokens
from mapcoder_lite.jsonl import read_lines
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training.rows import Row, Split, encoded, refuse_row
from mapcoder_lite.trajectory import Role

Columns = dict[str, list[list[int]] | list[bool]]
"""A trainer's columns: token ids without padding, or labels; one entry a row."""


@dataclass(frozen=True, slots=True)
class PairRow:
    """A pair's two replies as tokens, the prompt before each."""

    chosen: Row
    rejected: Row

    @property
    def longest(self) -> Row:
        """The longer one."""
        return max(self.chosen, self.rejected, key=lambda row: len(row.ids))


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A labelled reply as tokens, the prompt before it."""

    reply: Row
    label: bool

    @property
    def longest(self) -> Row:
        """The reply itself."""
        return self.reply


PreferenceRow = PairRow | LabelRow


@dataclass(frozen=True, slots=True)
class PreferenceSplit:
    """Preferences of one role; no problem is on both sides."""

    role: Role
    train: list[PreferenceRow]
    validation: list[PreferenceRow]
    too_long: list[PreferenceRow]
    """Left out: they would have been cut."""

    @property
    def longest(self) -> Split:
        """The longest reply of every row, as checks and arithmetic want them."""
        train, validation, too_long = (
            [row.longest for row in rows] for rows in (self.train, self.validation, self.too_long)
        )
        return Split(self.role, train, validation, too_long)

    @property
    def replies(self) -> list[Example]:
        """Every reply, good or bad, as a row; their digest is that of the preferences."""
        return [
            one.example
            for row in (*self.train, *self.validation, *self.too_long)
            for one in _replies(row)
        ]


def read_preferences(
    folder: Path,
    role: Role,
    tokenizer: PreTrainedTokenizerBase,
    ends: frozenset[int],
    settings: TrainConfig,
) -> PreferenceSplit:
    """Read one role's pairs (dpo) or labelled replies (kto) and set aside what is too long.

    Raises:
        InputError: there are fewer than `preference.min_rows`, named by role; or a row is another
            role's, its good reply is blank, or it cannot be put into the template.
        StoreError: a line is no row.
    """
    form, kind = ("pairs", Pair) if settings.stage == "dpo" else ("labels", Labelled)
    split = PreferenceSplit(role, [], [], [])
    for part, fitting in (("", split.train), ("validation", split.validation)):
        for row in read_lines(folder / form / part / f"{role}.jsonl", kind):
            tokens = _tokens(row, tokenizer, ends)
            is_bad = isinstance(tokens, LabelRow) and not tokens.label
            refuse_row(_replies(tokens)[0].example, role, folder, is_blank_right=is_bad)
            is_short = len(tokens.longest.ids) <= settings.max_tokens
            (fitting if is_short else split.too_long).append(tokens)
    _refuse_few(split, settings, folder)
    return split


def pair_columns(rows: Sequence[PreferenceRow]) -> Columns:
    """Columns of DPO's trainer."""
    pairs = [row for row in rows if isinstance(row, PairRow)]
    return {
        "prompt_ids": [_prompt(pair.chosen) for pair in pairs],
        "chosen_ids": [_reply(pair.chosen) for pair in pairs],
        "rejected_ids": [_reply(pair.rejected) for pair in pairs],
    }


def label_columns(rows: Sequence[PreferenceRow], settings: TrainConfig) -> Columns:
    """Columns of KTO's trainer, shuffled once: it takes rows in their order in every epoch.

    The reply that measures how far the adapter has gone from its start is another row's of the
    same batch, as in the paper (2402.01306, section 4.1).
    """
    labelled = [row for row in rows if isinstance(row, LabelRow)]
    Random(settings.seed).shuffle(labelled)
    replies = [_reply(row.reply) for row in labelled]
    size = settings.batch_rows
    batches = [replies[start : start + size] for start in range(0, len(replies), size)]
    return {
        "prompt_ids": [_prompt(row.reply) for row in labelled],
        "completion_ids": replies,
        "KL_completion_ids": [ids for batch in batches for ids in (batch[-1], *batch[:-1])],
        "label": [row.label for row in labelled],
    }


def reply_lengths(rows: Sequence[PreferenceRow]) -> tuple[list[int], list[int]]:
    """Tokens of the good and of the bad replies."""
    good, bad = list[int](), list[int]()
    for row in rows:
        if isinstance(row, PairRow):
            good.append(len(_reply(row.chosen)))
            bad.append(len(_reply(row.rejected)))
        else:
            (good if row.label else bad).append(len(_reply(row.reply)))
    return good, bad


def middle(lengths: Sequence[int]) -> int:
    """The median; 0 of nothing."""
    return median_low(lengths) if lengths else 0


def _tokens(
    row: Pair | Labelled, tokenizer: PreTrainedTokenizerBase, ends: frozenset[int]
) -> PreferenceRow:
    if isinstance(row, Labelled):
        return LabelRow(encoded(row, tokenizer, ends), row.label)
    sides = (
        (row.chosen, row.chosen_from, row.tokens.chosen),
        (row.rejected, row.rejected_from, row.tokens.rejected),
    )
    chosen, rejected = (
        Example(
            prompt=row.prompt,
            completion=reply,
            role=row.role,
            kind=row.kind,
            provenance=origin,
            tokens=RowTokens(
                prompt=row.tokens.prompt,
                completion=num_tokens,
                counted_by=row.tokens.counted_by,
            ),
        )
        for reply, origin, num_tokens in sides
    )
    return PairRow(encoded(chosen, tokenizer, ends), encoded(rejected, tokenizer, ends))


def _refuse_few(split: PreferenceSplit, settings: TrainConfig, folder: Path) -> None:
    good, bad = reply_lengths(split.train)
    least = settings.preference.min_rows
    if min(len(good), len(bad)) >= least:
        return
    found = (
        f"{len(good)} pairs"
        if settings.stage == "dpo"
        else f"{len(good)} good replies and {len(bad)} bad ones"
    )
    raise InputError(
        f"{folder} has {found} to train {split.role} on, {least} are wanted: name the other roles "
        "with --role, make preferences of more runs with `mapcoder preferences`, or lower "
        "train.preference.min_rows"
    )


def _replies(row: PreferenceRow) -> tuple[Row, ...]:
    return (row.chosen, row.rejected) if isinstance(row, PairRow) else (row.reply,)


def _prompt(row: Row) -> list[int]:
    return row.ids[: row.num_prompt]


def _reply(row: Row) -> list[int]:
    return row.ids[row.num_prompt :]
