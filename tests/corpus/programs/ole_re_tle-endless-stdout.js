const block = "x".repeat(65536);
while (true) require("fs").writeSync(1, block);
