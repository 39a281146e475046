print(3)
print(3)
