package main

import "os"

func main() {
	if os.WriteFile("/tmp/mapcoder-hostile-go", []byte("x"), 0o600) != nil {
		os.Exit(1)
	}
}
