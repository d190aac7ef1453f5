"""The one exception that means "your input is wrong", as opposed to "this program is wrong"."""


class InputError(ValueError):
    """Bad input: says which file, row or key, what was found, what was expected and what to do.

    Parameters
    ----------
    where : the file (with line), table (with row) or config key, e.g. ``w5.ip.gz, line 17``.
    reason : what is wrong, what was expected, what to do about it; one sentence.
    """

    def __init__(self, where: object, reason: str):
        super().__init__(f"{where}: {reason}")
        self.where = str(where)
        self.reason = reason
