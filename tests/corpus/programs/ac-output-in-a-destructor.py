class Last:
    def __del__(self):
        print(3)
last = Last()
