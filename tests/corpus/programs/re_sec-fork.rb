fork { puts "SECRET child" }
exit 1
