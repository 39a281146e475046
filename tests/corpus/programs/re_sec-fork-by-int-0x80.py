import ctypes, mmap, platform
if platform.machine() != "x86_64":
    raise SystemExit("no such ABI here")
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(b"\xb8\x02\x00\x00\x00\xcd\x80\xc3")
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
print("SECRET", ctypes.CFUNCTYPE(ctypes.c_int)(address)())
