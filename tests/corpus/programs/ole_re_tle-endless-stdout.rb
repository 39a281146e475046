loop { $stdout.syswrite("x" * 65536) }
