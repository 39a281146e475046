import tempfile
tempfile.TemporaryFile().write(b"1" * (1 << 20))
