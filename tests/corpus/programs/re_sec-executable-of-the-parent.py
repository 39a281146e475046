import os
print("SECRET", os.readlink(f"/proc/{os.getppid()}/exe"))
print(open(f"/proc/{os.getppid()}/exe", "rb").read(1))
