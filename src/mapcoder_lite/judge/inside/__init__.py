"""The code that runs inside the sandbox, sent there as text.

Knows: nothing; see worker.py.
Does not know: the rest of the house: only the standard library, Python >= 3.9.
"""
