import fcntl, os, signal
reader, writer = os.pipe()
fcntl.fcntl(reader, 10, int(signal.SIGKILL))
fcntl.fcntl(reader, fcntl.F_SETOWN, os.getppid())
fcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC)
os.write(writer, b"x")
