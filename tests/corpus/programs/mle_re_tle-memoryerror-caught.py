x = []
while True:
    try:
        x.append(bytearray(b"1") * (1 << 20))
    except MemoryError:
        pass
