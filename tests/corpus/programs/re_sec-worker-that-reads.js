const { Worker } = require("worker_threads");
new Worker('console.log(require("fs").readFileSync("/etc/passwd", "utf8"))', { eval: true });
