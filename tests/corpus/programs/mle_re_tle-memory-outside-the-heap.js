const all = [];
while (true) all.push(Buffer.alloc(1 << 20, 1));
