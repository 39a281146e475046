"""Text that was pickled, packed with zlib and written in base64, unpacked without running anything.

Knows: pickles of text, lists and objects; how much may come out.
Does not know: what the text means.
"""

import base64
import binascii
import io
import pickle
import zlib

from mapcoder_lite.errors import InputError

MAX_UNPACKED_BYTES = 1 << 30


def unpack(packed: str, max_bytes: int = MAX_UNPACKED_BYTES) -> object:
    """Return the text, list or dict inside; a pickle that needs any name is refused.

    Raises:
        InputError: it is not of this form, names code to be run, or is larger than allowed.
    """
    try:
        content = base64.b64decode(packed, validate=True)
        unpacker = zlib.decompressobj()
        unpacked = unpacker.decompress(content, max_bytes)
        if unpacker.unconsumed_tail:
            raise InputError(f"more than {max_bytes:,} bytes come out of {len(packed):,}")
        if not unpacker.eof:
            raise InputError("the packed text is cut short")
        return _Plain(io.BytesIO(unpacked)).load()
    except (binascii.Error, zlib.error, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"not base64 of zlib: {error}") from error
    # what a forged pickle makes the machine stumble over, without any name being found
    except (pickle.UnpicklingError, EOFError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"no pickled text: {error}") from error
    except (MemoryError, RecursionError, OverflowError) as error:
        raise InputError("no pickled text: it asks for too much") from error


class _Plain(pickle.Unpickler):
    """Makes what pickles can say without a name: text, numbers, lists, dicts."""

    def find_class(self, module_name: str, global_name: str, /) -> object:
        """Refuse every name: only code needs one."""
        raise InputError(f"the pickle names {module_name}.{global_name}, which would run code")

    def persistent_load(self, pid: object) -> object:
        """Refuse what lies outside."""
        del pid
        raise InputError("the pickle asks for something outside")
