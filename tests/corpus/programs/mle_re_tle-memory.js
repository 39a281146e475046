const all = [];
while (true) all.push(new Array(1 << 17).fill(all.length));
