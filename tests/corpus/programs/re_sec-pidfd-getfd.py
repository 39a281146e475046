import ctypes, os
fd = ctypes.CDLL(None).syscall(434, os.getppid(), 0)
print("SECRET", fd)
