"""An Ethereum execution client: policy and doors in Python, blocks and state in the native core (``_native``)."""
