import ctypes, os
ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0)
