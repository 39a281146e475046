"""Run directories become numbers with intervals.

Knows: runs, statistics.
Does not know: how runs were made.
"""
