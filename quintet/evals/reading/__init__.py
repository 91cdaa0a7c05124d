"""Read cases and recorded runs: case files, states, threads, message lists, LangSmith examples."""
