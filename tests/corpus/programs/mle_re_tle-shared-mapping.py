import mmap
m = mmap.mmap(-1, 4 << 30)
while True:
    m.write(b"1" * (1 << 20))
