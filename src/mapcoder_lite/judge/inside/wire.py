"""The messages between host and worker; both ends import this.

Knows: layouts and their flags.
Does not know: who sends them.
"""

import struct

# cpu_ms, wall_ms, flags, address_space_bytes, data_bytes, stack_bytes, output_bytes; 0 = no limit
REQUEST = struct.Struct("<IIIQQQQ")
# pid, ended, is_ready, status, cpu_us, rss_kb, wall_us
REPLY = struct.Struct("<IBBiQQQ")
COMPILE = struct.Struct("<IIQQ")  # optimize, cpu_seconds, address_space_bytes, source_bytes
READY = struct.Struct("<cIQ")  # b"K", pid, cpu_us so far; a failure is b"C" and its log
WATCH = struct.Struct("<IQII")  # pid, cpu_us so far, cpu_ms, wall_ms
PYTHON, COMMAND, LAST = b"P", b"X", b"L"
"""How a message to a worker begins: COMPILE follows, or the JSON of a command, or WATCH."""
ENDED_ITSELF, ENDED_BY_CPU, ENDED_BY_WALL = 0, 1, 2
FLAG_NO_SITE = 1
FLAG_CALLS = 2  # define, then answer calls on a fourth descriptor
FLAG_EXAMINE = 4  # run test code on a fourth descriptor, report on a fifth
FLAG_LAST = 8  # run in the template itself, watched by the zygote: one fork fewer
