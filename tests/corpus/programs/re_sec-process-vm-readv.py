import ctypes, os, platform
number = 310 if platform.machine() == "x86_64" else 270
ctypes.CDLL(None).syscall(number, os.getppid(), 0, 0, 0, 0, 0)
