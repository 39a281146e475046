word, x, y = $stdin.read.split
a = x.to_i
b = y.to_i
a += 1 if word == "wrong"
if word == "loop"
  i = 0
  loop { i = (i + a) % 1000 }
end
if word == "memory"
  blocks = (0...320).map { |i| "x" * (1 << 20) + i.to_s }
  warn blocks.size
end
raise "as asked" if word == "crash"
File.read("/etc/passwd") if word == "read"
puts a + b
