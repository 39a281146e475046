import os, sys, gc, threading, atexit
for module in (os, sys, gc, threading, atexit):
    vars(module).clear()
