package main

func fall(n int) int { return fall(n+1) + 1 }

func main() { println(fall(0)) }
