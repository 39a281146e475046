open("/dev/shm/x", "w").write("1" * (1 << 20))
