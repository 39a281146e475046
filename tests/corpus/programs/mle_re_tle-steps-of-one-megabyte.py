x = []
while True:
    x.append(bytearray(b"1") * (1 << 20))
