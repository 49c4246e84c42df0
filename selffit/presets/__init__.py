"""Settings that go together, a TOML file each."""
