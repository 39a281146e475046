import os
os.mkfifo("/tmp/mapcoder-hostile-fifo")
