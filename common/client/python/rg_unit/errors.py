"""Errors: a code says which kind of failure happened, a sentence says what failed and where."""
import enum


class Code(enum.IntEnum):
    """The codes of common/core/err.h, which services send."""

    EINVAL = -1  # a bad argument, or a request that the service does not take
    EIO = -2  # input or output, here or at the service
    ENOENT = -3  # not there: a file, or a checkpoint of the encoder
    EFORMAT = -4  # malformed data
    ESHAPE = -5  # sizes differ from the model's
    ELIMIT = -6  # over a limit, which the sentence names
    EVERSION = -7  # the two sides speak different versions
    ECONFIG = -8  # an invalid configuration or endpoint
    EMODEL = -9  # the service has another model
    ETIMEOUT = -10  # no answer in time
    ESTOPPED = -11  # the service was stopped
    EBUSY = -12  # the service cannot do this now; try again
    EFULL = -13  # no space left at the service
    ENUMERIC = -14  # a number is not finite
    EREMOTE = -15  # a code that this version does not know
    EUSAGE = -16  # wrong use
    EACCES = -17  # others may read the key file, or the role of the key does not allow it
    ECRASH = -18  # the connection broke twice while the request was open, which is not sent again


class Error(Exception):
    """What every function of this package raises. str() is one sentence for a person.

    code: the kind of failure, for programs.
    """

    def __init__(self, code: Code, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code

    def __reduce__(self) -> tuple[type, tuple[Code, str]]:
        return type(self), (self.code, str(self))


def remote_code(number: int) -> Code:
    """The code of an error reply."""
    return Code(number) if number in Code.__members__.values() else Code.EREMOTE
