"""
What a user of a rollup does: move money in, around and out. ``amounts`` reads what people write, ``account`` sends,
``bridge`` knows both chains and follows things on their way.
"""
