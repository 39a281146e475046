import os
print([name for name in os.listdir("/") if name in ("etc", "root", "home", "tmp") and "SECRET"])
