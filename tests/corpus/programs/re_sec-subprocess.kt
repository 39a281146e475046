fun main() {
    val child = ProcessBuilder("/usr/bin/id").start()
    println(child.inputStream.bufferedReader().readText())
}
