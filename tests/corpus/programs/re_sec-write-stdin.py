import os
os.write(0, b"9 9")
