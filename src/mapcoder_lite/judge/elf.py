"""What an executable says of itself before it is started.

Knows: the headers of ELF files of 64 bits, little-endian (System V ABI, chapters 4 and 5).
Does not know: compilers, limits, verdicts.
"""

import struct

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SEGMENT = struct.Struct("<IIQQQQQQ")
MAGIC = b"\x7fELF\x02\x01"
EXECUTABLE, SHARED = 2, 3
LOAD, INTERPRETER = 1, 3


def memory_of(image: bytes) -> int | None:
    """Return the bytes of memory that a static executable takes when it starts.

    None if the kernel would not start it as it is: no executable, or one that needs a loader.
    """
    try:
        fields = HEADER.unpack_from(image)
        first, size, number = fields[5], fields[9], fields[10]
        segments = [SEGMENT.unpack_from(image, first + index * size) for index in range(number)]
    except struct.error:
        return None
    kinds = {segment[0] for segment in segments}
    if fields[0][:6] != MAGIC or fields[1] not in (EXECUTABLE, SHARED):
        return None
    if INTERPRETER in kinds or LOAD not in kinds:
        return None
    return sum(segment[6] for segment in segments if segment[0] == LOAD)
