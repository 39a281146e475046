open("mapcoder-hostile", "w").write("x")
