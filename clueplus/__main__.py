"""`python -m clueplus` is the `clueplus` command."""

from clueplus.cli.main import main

if __name__ == "__main__":
    main()
