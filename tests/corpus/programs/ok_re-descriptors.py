import os
for fd in range(3, 64):
    try:
        print(fd, os.fstat(fd), "SECRET")
    except OSError:
        pass
