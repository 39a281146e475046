print("SECRET", open("/dev/tty").read(1))
