import subprocess
print(subprocess.check_output(["/usr/bin/id"]))
