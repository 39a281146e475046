"""Rows become adapters.

Knows: rows, LoRA, TRL.
Does not know: problems, judges, trajectories.
"""
