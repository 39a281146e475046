<?php
passthru("/usr/bin/id");
exit(1);
