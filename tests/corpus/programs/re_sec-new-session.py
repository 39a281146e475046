import os
os.setsid()
