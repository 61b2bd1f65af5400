"""For the tests of the Python package."""
import unittest

from rg_unit.errors import Error


class Case(unittest.TestCase):
    def fails(self, code, sentence, call, *args, **options):
        """The call raises an error of this code, whose sentence holds this one."""
        with self.assertRaises(Error) as caught:
            call(*args, **options)
        self.assertEqual(caught.exception.code, code)
        self.assertIn(sentence, str(caught.exception))
