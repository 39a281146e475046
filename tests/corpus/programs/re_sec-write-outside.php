<?php
if (file_put_contents("/tmp/mapcoder-hostile-php", "x") === false) exit(1);
