def fall(n) = fall(n + 1) + 1
puts fall(0)
