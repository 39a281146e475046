import os
os.write(os.memfd_create("x"), b"1" * (1 << 20))
