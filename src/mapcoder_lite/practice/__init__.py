"""What a person uses who practises: problems from the browser, hints, a debugger, stress tests.

Knows: agents, the judge, one problem at a time.
Does not know: runs, hidden tests, the command line.
"""
