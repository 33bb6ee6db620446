"""How dates and times are printed, by language: Django prefers these to the settings' own formats."""
