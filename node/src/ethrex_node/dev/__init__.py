"""The dev chain: funded accounts, a block on demand or by interval, time and mining control. See ``docs/dev.md``."""
