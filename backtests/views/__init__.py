"""The pages of results. Each view asks for plain values and names its template."""
