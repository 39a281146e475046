import ctypes, platform
if platform.machine() != "x86_64":
    raise SystemExit("no such ABI here")
ctypes.CDLL(None).syscall(0x40000000 + 57)
print("SECRET x32")
