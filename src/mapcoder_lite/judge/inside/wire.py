"""The messages between host and worker; both ends import this.

Knows: layouts and their flags.
Does not know: who sends them.
"""

import struct

# cpu_ms, wall_ms, stall_ms, flags, address_space_bytes, data_bytes, stack_bytes, output_bytes;
# 0 = no limit
REQUEST = struct.Struct("<IIIIQQQQ")
REPLY = struct.Struct("<BBiQQQ")  # ended, readiness, status, cpu_us, rss_kb, wall_us
UNREADY, READY, UNCOMPILED = 0, 1, 2
"""What a child was before its program ran; uncompiled, its error stream holds the log."""
COMPILE = struct.Struct("<IIQQ")  # optimize, cpu_seconds, address_space_bytes, source_bytes
PYTHON, COMMAND, ONCE = b"P", b"X", b"O"
"""How a message to a worker begins: COMPILE follows, or the JSON of a command, or both COMPILE and
REQUEST, of a program that is run a single time."""
SPENT = struct.Struct("<Q")  # cpu_us of compiling, before the byte that says `ready`
ENDED_ITSELF, ENDED_BY_CPU, ENDED_BY_WALL = 0, 1, 2
FLAG_NO_SITE = 1
FLAG_CALLS = 2  # define, then answer calls on a fourth descriptor
FLAG_EXAMINE = 4  # run test code on a fourth descriptor, report on a fifth
