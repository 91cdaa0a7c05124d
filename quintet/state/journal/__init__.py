"""Keep what must be known once and for all: claims on effects, answers, runs, in append-only streams."""
