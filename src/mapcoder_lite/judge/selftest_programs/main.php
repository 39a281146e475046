<?php
[$word, $a, $b] = preg_split('/\s+/', trim(stream_get_contents(STDIN)));
if ($word === "wrong") {
    $a++;
}
if ($word === "loop") {
    for ($i = 0; ; $i = ($i + $a) % 1000) {
    }
}
if ($word === "memory") {
    $blocks = [];
    for ($i = 0; $i < 320; $i++) {
        $blocks[] = str_repeat(chr($i % 255 + 1), 1 << 20);
    }
    fwrite(STDERR, count($blocks));
}
if ($word === "crash") {
    throw new Exception("as asked");
}
if ($word === "read" && @file_get_contents("/etc/passwd") === false) {
    exit(4);
}
echo $a + $b, "\n";
