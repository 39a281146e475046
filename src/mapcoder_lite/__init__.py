"""Multi-agent competitive programming on one small model.

Knows: its version.
Does not know: anything else; import the room you need.
"""

__version__ = "0.1.0"
