import sys
open(sys.prefix + "/lib/mapcoder-hostile", "w").write("x")
