print(open("@SECRET_FILE@").read())
