"""One verdict, many writers: each shows what the verdict says and decides nothing."""
