import java.io.File

fun main() {
    val (word, x, y) = readLine()!!.split(" ")
    var a = x.toLong()
    val b = y.toLong()
    when (word) {
        "wrong" -> a++
        "loop" -> {
            var i = 0L
            while (i >= 0) i = (i + a) % 1000
        }
        "memory" -> {
            val blocks = List(320) { i -> ByteArray(1 shl 20) { (i or 1).toByte() } }
            System.err.println(blocks.size)
        }
        "crash" -> throw IllegalStateException("as asked")
        "read" -> File("/etc/passwd").readText()
    }
    println(a + b)
}
