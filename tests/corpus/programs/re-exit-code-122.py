import os
os._exit(122)
