"""`python -m mapcoder_lite` is `mapcoder`.

Knows: the command line's entry.
Does not know: anything else.
"""

from mapcoder_lite.cli import main

if __name__ == "__main__":
    main()
