"""
Methods that Python answers, a module a namespace. Those that need only a database snapshot are native.
"""
