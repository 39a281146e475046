package main

import (
	"fmt"
	"sync"
)

func main() {
	var group sync.WaitGroup
	var lock sync.Mutex
	sum := 0
	for i := 0; i < 100; i++ {
		group.Add(1)
		go func() {
			lock.Lock()
			sum++
			lock.Unlock()
			group.Done()
		}()
	}
	group.Wait()
	fmt.Println(sum / 33)
}
