output = `/usr/bin/id`
puts output
exit 1
