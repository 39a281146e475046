print(open("/proc/self/mem", "rb").read(1))
