import ctypes, platform
libc = ctypes.CDLL(None, use_errno=True)
number = 240 if platform.machine() == "x86_64" else 180
if libc.syscall(number, b"mapcoder-hostile", 0o102, 0o666, None) < 0:
    raise OSError(ctypes.get_errno(), "mq_open")
print("SECRET queue outlives the run")
