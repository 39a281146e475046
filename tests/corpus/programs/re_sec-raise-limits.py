import resource
resource.setrlimit(resource.RLIMIT_CPU, (100, 100))
