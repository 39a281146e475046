import ctypes
if ctypes.CDLL(None).prctl(4, 1, 0, 0, 0) == 0:
    print("SECRET dumpable")
