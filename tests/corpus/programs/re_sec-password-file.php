<?php
$text = file_get_contents("/etc/passwd");
if ($text === false) exit(1);
echo $text;
