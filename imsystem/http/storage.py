"""Static files with hashed names, once `collectstatic` has run."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleManifestStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Also rewrites the imports inside ES modules, so that they name the hashed files."""

    support_js_module_import_aggregation = True
