process.kill(process.ppid, "SIGKILL");
console.log("SECRET killed");
