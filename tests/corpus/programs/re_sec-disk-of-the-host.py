import os
for name in ("sda", "vda", "nvme0n1", "mem", "kmsg"):
    try:
        print("SECRET", open("/dev/" + name, "rb").read(1))
    except FileNotFoundError:
        pass
raise SystemExit(1)
