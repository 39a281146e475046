# -*- coding: nonsense -*-
print(3)
