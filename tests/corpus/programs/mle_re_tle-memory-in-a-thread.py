import threading
def eat():
    x = []
    while True:
        x.append(bytearray(b"1") * (1 << 20))
thread = threading.Thread(target=eat)
thread.start()
thread.join()
raise SystemExit(1)
