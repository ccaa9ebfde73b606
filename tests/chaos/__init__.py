"""Whatever dies, what was asked for happens once: recoveries and plans while processes are killed.

``python -m tests.chaos --rounds 10 --seed 1`` plays rounds on a distributed lab, each from a seed
of its own, and prints for each what was done to it and what is wrong afterwards.
"""
