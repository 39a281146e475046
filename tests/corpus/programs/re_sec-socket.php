<?php
$server = stream_socket_server("tcp://127.0.0.1:0");
if ($server === false) exit(1);
echo "CONNECTED";
