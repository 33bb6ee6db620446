"""The pages of results. Each view asks for plain values and says which page shows them."""
