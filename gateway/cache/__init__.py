"""Answers that were given before: found by what was asked, and given again.

rules.py       whose requests, and which of them
keys.py        what makes two requests one and the same
known_keys.py  the same, for those that were seen before
entries.py     an answer as it is kept, in clear and sealed
memory.py, redis_tier.py, table.py, stored.py   where it is kept, the nearest first
flights.py     those who ask what is being asked already
recording.py, folding.py, replay.py   streams: kept aside, made whole, and told again
questions.py   how one request goes through all of this
"""
