"""Classical solvers and small problems, to hold networks against."""
