import ctypes, platform
libc = ctypes.CDLL(None)
numbers = (57, 58, 56, 435) if platform.machine() == "x86_64" else (220, 435)
for number in numbers:
    if libc.syscall(number, 17, 0, 0, 0, 0) == 0:
        print("SECRET child")
