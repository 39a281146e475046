"""Programs run in a sandbox and get verdicts.

Knows: processes, limits, isolation, checkers.
Does not know: models, prompts, where programs come from.
"""
