"""Networks fitted to data at scales found in the data, held against a plain network, and used at new points."""
