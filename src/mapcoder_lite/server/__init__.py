"""The service: an OpenAI facade, REST with events, one engine and one judge for all.

Knows: see each file. Async code stands here alone.
Does not know: engines, how a problem is solved; see pipeline.
"""
