<?php
function fall($n) { return fall($n + 1) + 1; }
echo fall(0);
