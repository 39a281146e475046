fun main() {
    println(readLine()!!.split(" ").sumOf { it.toLong() })
}
