"""What the services have acknowledged, and whether their answers agree with it.

An image is absent, being added, present, or being removed. It becomes present or absent when the service acknowledges
that. A search or list may show what was not absent all the time between its request and its reply, and has to show what
was present all that time. So every answer is compared, also those that were given during additions and removals.
"""
import array
import collections
import enum
import time

TOLERANCE = 1e-3  # of squared distances, relative to 1 + distance: the service sums in another order


class State(enum.Enum):
    ABSENT = 0
    ADDING = 1
    PRESENT = 2
    REMOVING = 3


class Image:
    def __init__(self):
        self.state, self.since, self.embedding = State.ABSENT, time.monotonic(), None

    def was(self, state, asked):
        """In this state ever since that time."""
        return self.state is state and self.since < asked


def floats(data):
    return array.array("f", data)


def distance(a, b):
    return sum((x - y) * (x - y) for x, y in zip(a, b))


class Ledger:
    def __init__(self):
        self.images = collections.defaultdict(Image)  # by id
        self.wrong = collections.Counter()  # sentences
        self.compared = collections.Counter()  # answers, by kind

    def change(self, key, state, embedding=None):
        image = self.images[key]
        image.state, image.since = state, time.monotonic()
        if embedding is not None:
            image.embedding = embedding

    def count(self, state):
        return sum(image.state is state for image in self.images.values())

    def check(self, holds, sentence):
        if not holds:
            self.wrong[sentence] += 1

    # ---- answers
    def check_shown(self, kind, key, asked):
        """An image in an answer: it must not have been absent."""
        known = key in self.images and not self.images[key].was(State.ABSENT, asked)
        self.check(known, f"{kind} shows an image that is not in the set")

    def check_search(self, kind, query, k, found, asked):
        """found: pairs of id and squared distance, nearest first; a set with fewer than k images gives fewer."""
        self.compared[kind] += 1
        keys = [key for key, _ in found]
        self.check(len(set(keys)) == len(keys), f"{kind} shows an image twice")
        self.check(all(a[1] <= b[1] for a, b in zip(found, found[1:])), f"{kind} is not sorted")
        for key, shown in found:
            self.check_shown(kind, key, asked)
            image = self.images.get(key)
            if image and image.was(State.PRESENT, asked) and image.embedding:
                true = distance(query, image.embedding)
                self.check(abs(true - shown) <= TOLERANCE * (1 + true), f"{kind} gives a wrong distance")
        last = found[-1][1] if len(found) == k else float("inf")
        for key, image in self.images.items():
            if image.embedding and image.was(State.PRESENT, asked) and key not in keys:
                true = distance(query, image.embedding)
                self.check(true >= last - TOLERANCE * (1 + true), f"{kind} lacks a nearer image")

    def check_list(self, kind, keys, asked):
        """keys: all images of a list from its first page to its last."""
        self.compared[kind] += 1
        shown = set(keys)
        for key in shown:
            self.check_shown(kind, key, asked)
        for key, image in self.images.items():
            self.check(key in shown or not image.was(State.PRESENT, asked), f"{kind} lacks an acknowledged image")

    def check_same(self, kind, answer, first):
        """An answer that must always be the same."""
        self.compared[kind] += 1
        self.check(answer == first, f"{kind} is not what it was at first")

    # ---- the end
    def check_end(self, stored):
        """stored: pairs of id and embedding of the whole set. Returns the numbers of images lost and of images back."""
        asked = time.monotonic()
        keys = [key for key, _ in stored]
        self.check_list("the final list", keys, asked)
        self.check(len(set(keys)) == len(keys), "an image is stored twice")
        for key, embedding in stored:
            known = self.images[key].embedding if key in self.images else None
            self.check(known is None or known == embedding, "an embedding is not the one that was added")
        shown = {key for key, _ in stored}
        lost = sum(image.was(State.PRESENT, asked) and key not in shown for key, image in self.images.items())
        back = sum(image.was(State.ABSENT, asked) and key in shown for key, image in self.images.items())
        return lost, back
