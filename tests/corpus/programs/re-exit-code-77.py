import os
os._exit(77)
