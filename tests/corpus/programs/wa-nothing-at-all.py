# the judge that keeps the names of the program before would pass this one
