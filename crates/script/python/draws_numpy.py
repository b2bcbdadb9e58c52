class Draws:
    """One stream for the whole map: the index of a patch, then its noise."""

    def __init__(self):
        self.random = np.random.RandomState(SEED)

    def of(self, row, column, draw):
        return self

    def choice(self, number):
        return self.random.randint(number)

    def normal(self, shape):
        return self.random.normal(0, 1, shape)
