"""Configuration of the documentation: `make docs`."""

from importlib.metadata import version as installed_version

project = "sgd_estimators"
author = "The sgd_estimators developers"
copyright = f"2026, {author}"
version = release = installed_version("sgd_estimators")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # formulas without a network
    "numpydoc",
    "sphinx_design",
    "sphinx_copybutton",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_templates"]
default_role = "autolink"  # links what it finds, as `SGD <sgd_estimators.optimizers.SGD>`
templates_path = ["_templates"]

autodoc_typehints = "none"  # numpydoc's Parameters say it in words
numpydoc_show_class_members = False  # the class template lists them
copybutton_exclude = ".linenos, .gp, .go"  # neither prompts nor output

# The build is nitpicky and offline, without intersphinx: names of others stay text.
nitpick_ignore_regex = [
    ("py:obj", r"\w+"),  # parameters
    ("py:.*", r"(collections|joblib|matplotlib|np|numpy|scipy|sklearn|typing)\..*"),
]

html_theme = "pydata_sphinx_theme"
html_title = "sgd_estimators"
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 4,
}
ALONE = (
    "changelog getting_started user_guide extending lecture migration peers against_peers"
)
html_sidebars = {
    page: [] for page in f"{ALONE} how_it_is_built".split()
}  # nothing below them
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["narrow.css"]

# The examples run here, and their asserts with them; links stay inside this manual.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": "/plot_",
    "ignore_pattern": r"quickstart|setup\.py",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "capture_repr": (),  # what is printed, not the last line's value
    "reference_url": {"sgd_estimators": None},
    "doc_module": "sgd_estimators",
}


def skip_inherited_from_sklearn(app, what, name, obj, skip, options):
    """Leave out scikit-learn's own methods: their docstrings refer to its manual."""
    return skip or (getattr(obj, "__module__", None) or "").startswith("sklearn.")


def setup(app):
    """Connect the hook above."""
    app.connect("autodoc-skip-member", skip_inherited_from_sklearn)
