"""Show a support desk on a shop of its own: the reference system that `quintet demo` runs."""
