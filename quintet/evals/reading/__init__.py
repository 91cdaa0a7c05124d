"""Cases and runs from elsewhere: case files, states, threads, message lists, LangSmith examples."""
