"""The messages between host and worker; both ends import this.

Knows: layouts and their flags.
Does not know: who sends them.
"""

import struct

# cpu_ms, wall_ms, flags, address_space_bytes, data_bytes, stack_bytes, output_bytes; 0 = no limit
REQUEST = struct.Struct("<IIIQQQQ")
REPLY = struct.Struct("<BBiQQQQ")  # ended, is_ready, status, user_us, system_us, rss_kb, wall_us
COMPILE = struct.Struct("<IIQ")  # optimize, cpu_seconds, address_space_bytes
PYTHON, COMMAND = b"P", b"X"
"""How a message to a worker begins: COMPILE follows, or the JSON of a command."""
ENDED_ITSELF, ENDED_BY_CPU, ENDED_BY_WALL = 0, 1, 2
FLAG_NO_SITE = 1
FLAG_CALLS = 2  # define, then answer calls on a fourth descriptor
FLAG_EXAMINE = 4  # run test code on a fourth descriptor, report on a fifth
