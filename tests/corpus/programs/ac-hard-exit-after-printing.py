import os
print(3, flush=True)
os._exit(0)
