"""The one exception that means "the person asked for something that cannot be done"."""


class UserError(Exception):
    """Bad input: says in one sentence what is wrong and what to do about it.

    Raised anywhere below the command line; the command line prints the text
    and exits with code 2. Anything else that escapes is a defect of ours and
    keeps its traceback.
    """
