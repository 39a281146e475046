import os, struct
for fd in range(3, 64):
    for message in (b"K", b"r", struct.pack("<BBiQQQQ", 0, 1, 0, 0, 0, 0, 0)):
        try:
            os.write(fd, message)
            print("SECRET descriptor", fd)
        except OSError:
            pass
