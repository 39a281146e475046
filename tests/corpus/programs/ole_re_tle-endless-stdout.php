<?php
$block = str_repeat("x", 65536);
while (true) if (fwrite(STDOUT, $block) === false) exit(1);
