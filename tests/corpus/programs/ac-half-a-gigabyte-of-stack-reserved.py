import threading
threading.stack_size(512 << 20)
thread = threading.Thread(target=lambda: print(3))
thread.start()
thread.join()
