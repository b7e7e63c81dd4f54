"""
How many provers there shall be, and the simulation that shows what a law costs. Pure: no I/O, time is an argument.

The operator observes, asks `planner.plan`, and applies; the simulation asks the very same function in virtual time.
"""
