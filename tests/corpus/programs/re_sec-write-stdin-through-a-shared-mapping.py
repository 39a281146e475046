import mmap
mmap.mmap(0, 0)[0] = 57
