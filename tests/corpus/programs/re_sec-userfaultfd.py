import ctypes, platform
ctypes.CDLL(None).syscall(323 if platform.machine() == "x86_64" else 282, 0)
