require "socket"
puts "CONNECTED #{TCPServer.new("127.0.0.1", 0).addr}"
