import ctypes
libc = ctypes.CDLL(None, use_errno=True)
if libc.shmget(0x6D61, 1 << 20, 0o1666) < 0:
    raise OSError(ctypes.get_errno(), "shmget")
print("SECRET segment outlives the run")
