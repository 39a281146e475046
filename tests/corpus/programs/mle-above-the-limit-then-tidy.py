x = bytearray(b"1") * (120 << 20)
del x
print(3)
