import threading, time
while True:
    threading.Thread(target=time.sleep, args=(9,), daemon=True).start()
