if True:
print(3)
