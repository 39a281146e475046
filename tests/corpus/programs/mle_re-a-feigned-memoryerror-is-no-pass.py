import sys
sys.stderr.write("MemoryError\n")
sys.exit(1)
