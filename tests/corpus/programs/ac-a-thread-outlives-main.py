import threading, time
def late():
    time.sleep(0.05)
    print(sum(map(int, input().split())))
threading.Thread(target=late).start()
