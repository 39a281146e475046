import gc
needle = "SEC" + "RET"
for thing in gc.get_objects():
    if isinstance(thing, dict):
        for value in list(thing.values()):
            if type(value) is str and needle in value and len(value) < 40:
                print(value)
