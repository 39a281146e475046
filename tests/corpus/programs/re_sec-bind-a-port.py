import socket
server = socket.socket()
server.bind(("0.0.0.0", 0))
server.listen()
print("CONNECTED")
