import ctypes
ctypes.CDLL(None).mount(b"x", b"/", b"tmpfs", 0, 0)
