puts File.read("/etc/passwd")
