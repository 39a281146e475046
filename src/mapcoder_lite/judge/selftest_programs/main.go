package main

import (
	"fmt"
	"os"
)

func main() {
	var word string
	var a, b int64
	fmt.Scan(&word, &a, &b)
	switch word {
	case "wrong":
		a++
	case "loop":
		for i := int64(0); i >= 0; i = (i + a) % 1000 {
		}
	case "memory":
		fill(320)
	case "crash":
		panic("as asked")
	case "read":
		if _, err := os.ReadFile("/etc/passwd"); err != nil {
			os.Exit(4)
		}
	}
	fmt.Println(a + b)
}

func fill(megabytes int) {
	blocks := [][]byte{}
	for i := 0; i < megabytes; i++ {
		block := make([]byte, 1<<20)
		for j := range block {
			block[j] = byte(i | 1)
		}
		blocks = append(blocks, block)
	}
	fmt.Fprintln(os.Stderr, len(blocks), blocks[len(blocks)-1][0])
}
