import os
os.rename("@SECRET_FILE@", "@SECRET_FILE@2")
