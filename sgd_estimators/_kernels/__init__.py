"""The compiled kernels: everything Cython, and no Python logic."""
