class Any(str):
    def __eq__(self, other):
        return True
    __hash__ = str.__hash__
print(Any("x"))
