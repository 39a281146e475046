<?php
fscanf(STDIN, "%d %d", $a, $b);
echo $a + $b, ctype_digit("1") ? "\n" : "";
