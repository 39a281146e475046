<?php
require "/etc/passwd";
