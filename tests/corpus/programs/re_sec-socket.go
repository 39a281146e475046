package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	if _, err := net.Listen("tcp", "127.0.0.1:0"); err != nil {
		os.Exit(1)
	}
	fmt.Println("CONNECTED")
}
