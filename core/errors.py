"""Define the one base of errors that are meant for the person who asked."""


class UserError(Exception):
    """Something the person can put right; the message says what is wrong and what to do.

    It is shown as it is. Every other exception is a fault of the site: it is logged with its traceback.
    """
