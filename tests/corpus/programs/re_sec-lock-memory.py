import ctypes
libc = ctypes.CDLL(None, use_errno=True)
if libc.mlockall(3):
    raise OSError(ctypes.get_errno(), "mlockall")
