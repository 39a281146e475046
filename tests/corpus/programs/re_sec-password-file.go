package main

import (
	"fmt"
	"os"
)

func main() {
	text, err := os.ReadFile("/etc/passwd")
	if err != nil {
		os.Exit(1)
	}
	fmt.Println(string(text))
}
