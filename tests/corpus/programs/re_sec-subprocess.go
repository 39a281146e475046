package main

import (
	"fmt"
	"os"
	"os/exec"
)

func main() {
	out, err := exec.Command("/usr/bin/id").Output()
	fmt.Println(string(out))
	if err != nil {
		os.Exit(1)
	}
}
