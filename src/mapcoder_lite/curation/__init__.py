"""Runs become training rows.

Knows: trajectories, grades, which step earns a row.
Does not know: engines, training.
"""
