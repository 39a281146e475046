import os
for folder in ("/home", "/root"):
    print(os.listdir(folder))
