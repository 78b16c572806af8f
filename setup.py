"""Build the Cython kernels; everything else is in pyproject.toml."""

import os
import sys
from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup

KERNELS = "sgd_estimators/_kernels"
DEBUG = os.environ.get("SGD_ESTIMATORS_DEBUG", "0") != "0"
SANITIZE = os.environ.get("SGD_ESTIMATORS_SANITIZE", "0") != "0"
LINK = os.environ.get("SGD_ESTIMATORS_LINK", "0") != "0"  # kernels are built apart

# Wheels must run everywhere and keep IEEE arithmetic: no -march=native, no -ffast-math.
# The flags of floating-point exceptions are nobody's: without them, AVX2 takes exp and log.
if sys.platform == "win32":
    compile_args = ["/Od" if DEBUG else "/O2"]
else:
    compile_args = (
        ["-O1", "-g", "-UNDEBUG", "-fopenmp-simd"]
        if DEBUG
        else ["-O3", "-fopenmp-simd", "-fno-math-errno", "-fno-trapping-math"]
    )

sanitize = []
if SANITIZE:  # overruns of buffers that no bounds check sees, and undefined behaviour
    sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    compile_args += ["-O1", "-g", "-Wno-unused-function", *sanitize]

# What Cython has for memoryviews is compiled once, in a module of its own.
SHARED = "sgd_estimators._kernels._shared"
options = {"extra_compile_args": compile_args, "extra_link_args": sanitize}
kernels = Extension(
    "sgd_estimators._kernels.*",
    [f"{KERNELS}/*.pyx"],
    depends=sorted(glob(f"{KERNELS}/*.h") + glob(f"{KERNELS}/*.pxd")),
    include_dirs=[KERNELS],
    **options,
)

setup(
    options={"build_ext": {"parallel": True}},  # as many compilers as there are cores
    ext_modules=cythonize(
        [] if LINK else [Extension(SHARED, [], **options), kernels],
        shared_utility_qualified_name=SHARED,
        # Cython compares dates, not directives, so each kind of build has its own C.
        build_dir="build/cython-debug" if DEBUG else "build/cython",
        annotate=DEBUG,
        compiler_directives={
            "language_level": 3,
            "boundscheck": DEBUG,
            "initializedcheck": DEBUG,
            "wraparound": False,
            "cdivision": True,
            "freethreading_compatible": True,
        },
    ),
)
