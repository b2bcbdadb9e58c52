class Stream:
    """SplitMix64 (Steele, Lea and Flood 2014), with normal values by the polar method."""

    def __init__(self, keys):
        self.state, self.kept = SEED, None
        for key in keys:
            self.state = self.next() ^ key

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return z ^ (z >> 31)

    def choice(self, number):
        return self.next() * number >> 64

    def one_normal(self):
        if self.kept is not None:
            value, self.kept = self.kept, None
            return value
        while True:
            x, y = (2 * ((self.next() >> 11) / 2**53) - 1 for _ in range(2))
            square = x * x + y * y
            if 0 < square < 1:
                factor = (-2 * np.log(square) / square) ** 0.5
                self.kept = factor * x
                return factor * y

    def normal(self, shape):
        return np.array([self.one_normal() for _ in range(np.prod(shape))]).reshape(shape)


class Draws:
    """A stream for each draw of each block."""  #? per_block
    """A stream for each draw, the same for all blocks."""  #? common

    def of(self, row, column, draw):
        return Stream((row, column, draw))  #? per_block
        return Stream((2**64 - 1, 2**64 - 1, draw))  #? common
