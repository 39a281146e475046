fun main( {
