import os
os.dup2(1, 0)
print(3)
