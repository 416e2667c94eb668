"""How each provider's stream can be gone on with: data, which a :class:`~tokenrill.Provider` lists."""
