import ctypes, platform
number = 56 if platform.machine() == "x86_64" else 220
if ctypes.CDLL(None).syscall(number, 0x10000 | 0x10000000 | 0x800 | 0x100, 0, 0, 0, 0) >= 0:
    print("SECRET namespace")
