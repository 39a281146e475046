import os
os._exit(79)
