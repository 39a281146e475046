package main

import "os"

func main() {
	block := make([]byte, 65536)
	for {
		if _, err := os.Stdout.Write(block); err != nil {
			os.Exit(1)
		}
	}
}
