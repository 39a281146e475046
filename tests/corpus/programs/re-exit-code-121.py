import os
os._exit(121)
