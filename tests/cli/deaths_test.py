"""Ranks of mpirun that die. Each deed at each place, at 2, 4 and 8 ranks in turn."""

from losses import LossesTest
from ranks import main_with_ranks

# All but those at the rendezvous in the second case.
DEATHS = [
    (2, 1, 'rendezvous', 'SIGKILL'),
    (4, 3, 'warm-up:2', 'SIGKILL'),
    (8, 5, 'transfer:18', 'SIGKILL'),
    (2, 0, 'merge:8', 'SIGKILL'),
    (4, 2, 'write:2', 'SIGKILL'),
    (4, 1, 'rendezvous', 'SIGSEGV'),
    (8, 7, 'warm-up:2', 'SIGSEGV'),
    (2, 1, 'transfer:24', 'SIGSEGV'),
    (4, 2, 'merge:8', 'SIGSEGV'),
    (8, 0, 'write:2', 'SIGSEGV'),
    (8, 3, 'rendezvous', 'exit'),
    (2, 1, 'warm-up:2', 'exit'),
    (4, 0, 'transfer:24', 'exit'),
    (8, 6, 'merge:8', 'exit'),
    (2, 1, 'write:2', 'exit'),
]


class Deaths(LossesTest):
    def test_deaths(self):
        self.lose_each(DEATHS)


if __name__ == '__main__':
    main_with_ranks()
