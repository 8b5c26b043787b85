"""From maps to pseudo labels: refinement, and the thresholds of the labels."""
