"""The base class of errors that are shown to the user."""


class UserError(Exception):
    """Report something that the user can put right; the message says what is wrong and what to do.

    It is shown unchanged. Every other exception is a fault of the site and logged with its traceback.
    """
