File.write("/tmp/mapcoder-hostile-rb", "x")
