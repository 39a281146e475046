require("fs").writeFileSync("/tmp/mapcoder-hostile-js", "x");
