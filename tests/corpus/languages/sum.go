package main

import (
	"bufio"
	"fmt"
	"os"
	"sort"
)

func main() {
	in := bufio.NewReader(os.Stdin)
	numbers := make([]int, 2)
	fmt.Fscan(in, &numbers[0], &numbers[1])
	sort.Ints(numbers)
	fmt.Println(numbers[0] + numbers[1])
}
