open("/tmp/mapcoder-hostile", "w").write("x")
