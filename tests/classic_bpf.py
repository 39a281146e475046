"""An interpreter of seccomp's BPF, to read filters of machines that are not here.

Knows: the instructions that libseccomp writes, the layout of seccomp's data.
Does not know: which calls should be allowed.
"""

import struct
from dataclasses import dataclass

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "i386": 0x40000003, "arm": 0x40000028}
ALLOW = 0x7FFF0000
ERRNO = 0x00050000
KILL_PROCESS = 0x80000000

LOAD, AND, JUMP, RETURN = 0x20, 0x54, 0x05, 0x06
IS_EQUAL, IS_GREATER, IS_AT_LEAST, HAS_BITS = 0x15, 0x25, 0x35, 0x45


@dataclass(frozen=True)
class Bpf:
    """A filter that can be asked."""

    program: bytes

    def action(self, arch: str, number: int, arguments: tuple[int, ...] = ()) -> int:
        """What the kernel would do with a system call."""
        words = [argument & (1 << 64) - 1 for argument in (*arguments, *[0] * 6)[:6]]
        data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, AUDIT_ARCH[arch], 0, *words)
        at = accumulator = 0
        while True:
            code, if_true, if_false, k = struct.unpack_from("<HBBI", self.program, 8 * at)
            at += 1
            if code == RETURN:
                return k
            if code == LOAD:
                (accumulator,) = struct.unpack_from("<I", data, k)
            elif code == AND:
                accumulator &= k
            elif code == JUMP:
                at += k
            else:
                at += if_true if compare(code, accumulator, k) else if_false


def compare(code: int, accumulator: int, k: int) -> bool:
    """Decide a conditional jump."""
    if code == IS_EQUAL:
        return accumulator == k
    if code == IS_GREATER:
        return accumulator > k
    if code == IS_AT_LEAST:
        return accumulator >= k
    if code == HAS_BITS:
        return bool(accumulator & k)
    raise ValueError(f"unknown instruction {code:#x}")
