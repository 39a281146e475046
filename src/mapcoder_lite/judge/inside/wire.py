"""The messages between host and worker; both ends import this.

Knows: layouts and their flags.
Does not know: who sends them.
"""

import struct

REQUEST = struct.Struct("<IIIQQ")  # cpu_ms, wall_ms, flags, address_space_bytes, output_bytes
REPLY = struct.Struct("<BBiQQQQ")  # ended, is_ready, status, user_us, system_us, rss_kb, wall_us
COMPILE = struct.Struct("<IIQ")  # optimize, cpu_seconds, address_space_bytes
ENDED_ITSELF, ENDED_BY_CPU, ENDED_BY_WALL = 0, 1, 2
FLAG_NO_SITE = 1
