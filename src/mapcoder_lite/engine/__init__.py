"""Requests become completions: in process, over HTTP, or from a recording.

Knows: models, adapters, sampling, servers.
Does not know: roles, prompts, problems.
"""
