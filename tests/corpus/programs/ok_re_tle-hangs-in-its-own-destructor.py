import time
class Late:
    def __del__(self):
        time.sleep(1000)
late = Late()
print(3)
