"""A backup of the whole system while it runs, and its way back (docs/operations.md).

lines      one document as one line of JSON, and back, without losing a type
archive    what a backup looks like on disk: manifest, parts, checksums; directory or tar
plan       which collections there are, in which order they are read, and by whom
writer     writes an archive; goes on with one that was interrupted
media      the files beside the collections
target     the receiving database: empty? migrated how far? restored how far?
restorer   checks an archive, then fills the target
progress   what a person sees meanwhile

Apps say here how their collections want to be read (provide_readers) and what has to be done once
a database is restored (after_restore).
"""


class BackupError(Exception):
    """A backup or restore cannot continue. The text is the one line that people get, in their
    language."""
