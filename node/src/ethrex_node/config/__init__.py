"""
What a node is told: settings, networks, genesis files. Pure data and checks; nothing here opens a socket or a database.

``settings`` is the one table of options, ``sources`` fills it from the command line, the environment and a file,
``genesis`` reads and checks a genesis file, ``networks`` has the known ones, ``dev`` the one of a dev chain.
"""
