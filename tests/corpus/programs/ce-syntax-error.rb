puts (3
