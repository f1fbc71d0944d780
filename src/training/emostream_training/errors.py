"""Errors a user can act on; the command line prints them without a traceback."""


class UserError(Exception):
    """Something the caller gave is wrong: a file, a value, a combination of options."""


class DataError(UserError):
    """A data file is wrong at a known line."""

    def __init__(self, path, line, message):
        super().__init__(f"{path}:{line}: {message}")
