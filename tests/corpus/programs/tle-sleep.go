package main

import "time"

func main() { time.Sleep(1000000 * time.Second) }
