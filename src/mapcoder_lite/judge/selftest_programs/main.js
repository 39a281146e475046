const fs = require("fs");

const [word, x, y] = fs.readFileSync(0, "utf8").trim().split(/\s+/);
let a = Number(x);
const b = Number(y);
if (word === "wrong") a++;
if (word === "loop") for (let i = 0; ; i = (i + a) % 1000) {}
if (word === "memory") {
    const rows = [];
    for (let i = 0; i < 320; i++) rows.push(Array.from({ length: 1 << 17 }, (_, j) => i + j + 0.5));
    console.error(rows.length);
}
if (word === "crash") throw new Error("as asked");
if (word === "read") fs.readFileSync("/etc/passwd", "utf8");
console.log(a + b);
