"""The ways to work on one problem: one file each, and the growing record that they share.

Knows: see each file.
Does not know: how a way is chosen; see pipeline.
"""
