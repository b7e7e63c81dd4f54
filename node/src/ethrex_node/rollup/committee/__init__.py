"""
A validium's data committee: k of n members who keep payloads and sign that they do, which is what L1 asks for.

A member is ``keeper`` (its door) over a ``vault`` (its disk); ``remote`` speaks to one, ``folder`` stands in for all of them
on a dev chain, ``committee`` gathers as many signatures as L1 wants. What is signed, and what L1 is shown, is ``kept``.
"""
