"""The messages between host and worker; both ends import this.

Knows: layouts and their flags.
Does not know: who sends them.
"""

import struct

REQUEST = struct.Struct("<IIIQQ")  # cpu_ms, wall_ms, flags, address_space_bytes, output_bytes
REPLY = struct.Struct("<BBiQQQ")  # ended, is_ready, status, cpu_us, rss_kb, wall_us
COMPILE = struct.Struct("<IIQQ")  # optimize, cpu_seconds, address_space_bytes, source_bytes
COMPILED = struct.Struct("<cIQ")  # b"K", pid, cpu_us so far; a failure is b"C" and its log
WATCH = struct.Struct("<IQII")  # pid, cpu_us so far, cpu_ms, wall_ms
ENDED_ITSELF, ENDED_BY_CPU, ENDED_BY_WALL = 0, 1, 2
FLAG_NO_SITE = 1
FLAG_LAST = 8  # run in the template itself, watched by the zygote: one fork fewer
