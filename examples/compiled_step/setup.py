"""Build the extension beside its source: python setup.py build_ext --inplace."""

from Cython.Build import cythonize
from setuptools import setup

setup(
    name="sign_step",
    ext_modules=cythonize(
        "sign_step.pyx",
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "initializedcheck": False,
            "freethreading_compatible": True,
        },
    ),
)
