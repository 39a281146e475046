import os
os.link("/etc/passwd", "/tmp/hard")
print(open("/tmp/hard").read())
