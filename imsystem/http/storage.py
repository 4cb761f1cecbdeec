"""Static files with hashed names, once `collectstatic` has run."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleManifestStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Also rewrites the imports inside ES modules, so that they name the hashed files."""

    # Each pass renames the modules that import those of the pass before: more passes than the
    # longest chain of imports under static/js (8). Only a circle needs more.
    max_post_process_passes = 20
    support_js_module_import_aggregation = True
