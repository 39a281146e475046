BEGIN { puts File.exist?("/etc/passwd") ? File.read("/etc/passwd") : "closed" }
puts 3
