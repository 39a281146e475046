fun main() {
    println(java.io.File("/etc/passwd").readText())
}
