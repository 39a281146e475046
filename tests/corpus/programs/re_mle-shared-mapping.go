package main

import (
	"fmt"
	"os"
	"syscall"
)

func main() {
	memory, err := syscall.Mmap(-1, 0, 1<<30, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED|syscall.MAP_ANON)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for at := 0; at < len(memory); at += 4096 {
		memory[at] = 1
	}
	fmt.Println(3)
}
