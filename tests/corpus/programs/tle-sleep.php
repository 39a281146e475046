<?php
sleep(1000000);
