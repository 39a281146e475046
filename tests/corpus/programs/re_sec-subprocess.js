console.log(require("child_process").execFileSync("/usr/bin/id").toString());
