open("/tmp/x", "w").write("1" * (1 << 30))
