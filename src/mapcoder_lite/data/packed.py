"""Text that was pickled, packed with zlib and written in base64, unpacked without running anything.

Knows: pickles of text, lists and dicts; how much may come out.
Does not know: what the text means.
"""

import base64
import io
import pickle
import pickletools
import zlib

from mapcoder_lite.errors import InputError

MAX_UNPACKED_BYTES = 1 << 30


PLAIN = (
    *("PROTO", "FRAME", "STOP", "MARK", "MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT"),
    *("BINGET", "LONG_BINGET", "GET", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("EMPTY_LIST", "LIST", "APPEND", "APPENDS", "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS"),
    *("NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1"),
    "LONG4",
)
"""What pickles of text, whole numbers, truth values, lists and dicts consist of."""
PUTS = ("BINPUT", "LONG_BINPUT", "PUT")


def unpack(packed: str, max_bytes: int = MAX_UNPACKED_BYTES) -> object:
    """Return the text, list or dict inside; a pickle that needs more is refused.

    Raises:
        InputError: it is not of this form, names code to be run, or is larger than allowed.
    """
    unpacker = zlib.decompressobj()
    try:
        content = base64.b64decode(packed, validate=True)
        unpacked = unpacker.decompress(content, max_bytes)
    except (ValueError, zlib.error) as error:
        raise InputError(f"not base64 of zlib: {error}") from error
    if unpacker.unconsumed_tail:
        raise InputError(f"more than {max_bytes:,} bytes come out of {len(packed):,}")
    if not unpacker.eof:
        raise InputError("the packed text is cut short")
    return _load(unpacked)


def _load(pickled: bytes) -> object:
    try:
        _refuse_opcodes(pickled)
        return _Plain(io.BytesIO(pickled)).load()
    except InputError:
        raise
    # what a forged pickle makes the machine stumble over, without any name being found
    except (pickle.UnpicklingError, EOFError, LookupError, TypeError, ValueError) as error:
        raise InputError(f"no pickled text: {error}") from error


def _refuse_opcodes(pickled: bytes) -> None:
    """Refuse what plain values do not need, and places in the memo that would fill memory.

    Raises:
        InputError: there is such an opcode.
        ValueError: it is no pickle.
    """
    for number, (opcode, argument, _) in enumerate(pickletools.genops(pickled)):
        if opcode.name not in PLAIN:
            raise InputError(f"the pickle has {opcode.name}, which could run code")
        if opcode.name in PUTS and not 0 <= int(argument or 0) <= number:
            raise InputError("no pickled text: a place in its memo is out of range")


class _Plain(pickle.Unpickler):
    """Makes what pickles can say without a name; a second lock behind the opcodes."""

    def find_class(self, module_name: str, global_name: str, /) -> object:
        """Refuse every name: only code needs one."""
        raise InputError(f"the pickle names {module_name}.{global_name}, which could run code")
