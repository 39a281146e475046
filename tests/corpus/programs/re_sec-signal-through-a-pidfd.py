import os, signal
signal.pidfd_send_signal(os.open("/proc/self", os.O_RDONLY), signal.SIGKILL)
