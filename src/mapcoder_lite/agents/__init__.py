"""The four roles: prompt, request and typed parser of each.

Knows: prompts, reply formats.
Does not know: that programs are run, how plans are ordered.
"""
